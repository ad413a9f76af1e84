//! `workers`: who is there, on what device; machines out of service and back.

mod drain;

use proto::v1::View;
use report::rows as sheets;

use crate::context::Context;
use crate::coordinator::rows;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::{self, OutputArgs};

/// Arguments of `workers`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    output: OutputArgs,
}

/// What to do with workers, where they are not just listed.
#[derive(Debug, Clone, clap::Subcommand)]
enum Action {
    /// Take workers out of service: they get no further trial, and what runs on them finishes
    Drain(drain::DrainArgs),
    /// Put workers back into service
    Resume(drain::ResumeArgs),
}

/// Runs the verb.
///
/// # Errors
/// When no coordinator answers, or there is no such worker.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.action {
        Some(Action::Drain(args)) => drain::drain(args, context).await,
        Some(Action::Resume(args)) => drain::resume(args, context).await,
        None => list(args.output, context).await,
    }
}

async fn list(output: OutputArgs, context: &Context) -> Result<Exit, Failure> {
    let workers = session::with(context, Purpose::Stored, async |session| {
        let listed = rows::list(&mut session.client, View::Worker, "", "").await;
        listed.map_err(|status| session.refused(&status))
    });
    let workers = workers.await?;
    output::table(output.format, &workers, |table| {
        sheets::readable(table, &["worker_id", "instance_id", "draining"])
    })?;
    if workers.rows.is_empty() {
        context.talk.say("no worker has registered yet");
        context.talk.next("batchsweep up");
    }
    let drained = (0..workers.rows.len()).find(|&row| workers.text(row, "status") == Some("drained"));
    if let Some(name) = drained.and_then(|row| workers.text(row, "worker")) {
        context.talk.next(format_args!("batchsweep workers resume {name}  (to give it trials again)"));
    }
    Ok(Exit::Success)
}
