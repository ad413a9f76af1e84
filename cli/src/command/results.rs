//! `results`: what a sweep found, one row a trial.

use proto::v1::View;
use report::results as sheets;

use crate::analysis;
use crate::conclusion;
use crate::context::Context;
use crate::coordinator::rows;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::{self, Format, OutputArgs};

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
    let format = args.output.format;
    session::with(context, Purpose::Stored, async |session| match format {
        Format::Table => {
            let analyzed = analysis::fetch(session, &args.sweep).await?;
            conclusion::write_results(&analyzed, context.talk)
        }
        // Programs get the rows as they are.
        Format::Json | Format::Csv => {
            let listed = rows::list(&mut session.client, View::Result, &args.sweep, "").await;
            output::table(format, &listed.map_err(|status| session.refused(&status))?, sheets::sheet)
        }
    })
    .await?;
    Ok(Exit::Success)
}
