//! `metrics`: the curves of a sweep, one row a point.

use proto::v1::View;
use report::rows as sheets;

use crate::context::Context;
use crate::coordinator::rows;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::{self, OutputArgs};

/// Arguments of `metrics`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// Only this trial: its index in the sweep, its id, or a unique prefix of it
    #[arg(long, value_name = "TRIAL", default_value = "", hide_default_value = true)]
    trial: String,

    /// Only this curve, such as train_loss or validation_accuracy
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep or trial, or no coordinator.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut metrics = session::with(context, Purpose::Stored, async |session| {
        let listed = rows::list(&mut session.client, View::Metric, &args.sweep, &args.trial).await;
        listed.map_err(|status| session.refused(&status))
    })
    .await?;
    if let (Some(name), Some(column)) = (&args.name, metrics.column("name")) {
        metrics.rows.retain(|row| row.get(column).is_some_and(|cell| cell.as_ref() == Some(name)));
    }
    output::table(args.output.format, &metrics, |table| sheets::readable(table, &["sweep_id", "trial_id"]))?;
    Ok(Exit::Success)
}
