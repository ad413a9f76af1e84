//! `trials`: the trials of a sweep, and where each stands.

use clap::builder::PossibleValuesParser;
use domain::lifecycle::TrialStatus;
use proto::v1::{ListRowsRequest, View};
use report::rows as sheets;

use crate::context::Context;
use crate::coordinator::rows;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::{self, OutputArgs};

/// Arguments of `trials`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// Only trials in this state: undecided, pending, running, succeeded, diverged, infeasible, stopped, skipped, failed, cancelled
    #[arg(long, value_name = "STATUS", value_parser = statuses(), hide_possible_values = true)]
    status: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Clap says which of them a misspelt one is near.
fn statuses() -> PossibleValuesParser {
    TrialStatus::ALL.map(TrialStatus::word).into()
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or no coordinator.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let trials = session::with(context, Purpose::Stored, async |session| {
        let status = args.status.clone().unwrap_or_default();
        let wanted = ListRowsRequest { status, ..rows::of_sweep(View::Trial, &args.sweep) };
        let listed = rows::ask(&mut session.client, wanted).await;
        listed.map_err(|status| session.refused(&status))
    })
    .await?;
    let hidden = ["sweep_id", "sweep_name", "trial_id", "parameters"];
    output::table(args.output.format, &trials, |table| sheets::readable(table, &hidden))?;
    Ok(Exit::Success)
}
