//! `logs`: what a trial said.

use domain::SweepSpec;
use proto::v1::View;
use report::rows as sheets;

use crate::context::Context;
use crate::coordinator::rows;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::{self, OutputArgs};

/// Arguments of `logs`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The trial: its index in the sweep, its id, or a unique prefix of it
    #[arg(value_name = "TRIAL")]
    trial: String,

    /// The sweep that an index counts in: id, unique prefix of it, name, or @last [default: @last]
    #[arg(long, value_name = "SWEEP")]
    sweep: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such trial, or no coordinator.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    // A trial's id says which sweep it is of; an index is of the last one unless said otherwise.
    let is_index = args.trial.parse::<u64>().is_ok_and(|index| index < SweepSpec::MAX_TRIALS);
    let sweep = args.sweep.as_deref().unwrap_or(if is_index { "@last" } else { "" });
    let log = session::with(context, Purpose::Stored, async |session| {
        let listed = rows::list(&mut session.client, View::Log, sweep, &args.trial).await;
        listed.map_err(|status| session.refused(&status))
    })
    .await?;
    output::table(args.output.format, &log, |table| {
        sheets::readable(table, &["sweep_id", "trial_id", "seq"])
    })?;
    if log.rows.is_empty() {
        context.talk.say("this trial has said nothing");
    }
    Ok(Exit::Success)
}
