//! `workers`: who is there, on what device.

use proto::v1::View;
use report::rows as sheets;

use crate::context::Context;
use crate::coordinator::rows;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::{self, OutputArgs};

/// Arguments of `workers`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// When no coordinator answers.
pub async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let workers = session::with(context, Purpose::Stored, async |session| {
        let listed = rows::list(&mut session.client, View::Worker, "", "").await;
        listed.map_err(|status| session.refused(&status))
    });
    let workers = workers.await?;
    output::table(args.output.format, &workers, |table| {
        sheets::readable(table, &["worker_id", "instance_id"])
    })?;
    if workers.rows.is_empty() {
        context.talk.say("no worker has registered yet");
        context.talk.next("batchsweep up");
    }
    Ok(Exit::Success)
}
