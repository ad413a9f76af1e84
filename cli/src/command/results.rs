//! `results`: what a sweep found, one row a trial.

use proto::v1::View;

use crate::conclusion;
use crate::context::Context;
use crate::coordinator::rows;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::OutputArgs;

/// Arguments of `results`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or no coordinator.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let results = session::with(context, Purpose::Stored, async |session| {
        let listed = rows::list(&mut session.client, View::Result, &args.sweep, "").await;
        listed.map_err(|status| session.refused(&status))
    });
    conclusion::write(&results.await?, args.output.format, context.talk)?;
    Ok(Exit::Success)
}
