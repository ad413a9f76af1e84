//! `metrics`: the curves of a sweep, one row a point.

use domain::run::MetricName;
use proto::v1::{ListRowsRequest, View};
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
    #[arg(long, value_name = "NAME", value_parser = MetricName::ALL.map(MetricName::word), hide_possible_values = true)]
    name: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep or trial, or no coordinator.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let metrics = session::with(context, Purpose::Stored, async |session| {
        let wanted = ListRowsRequest {
            trial: args.trial.clone(),
            name: args.name.clone().unwrap_or_default(),
            ..rows::of_sweep(View::Metric, &args.sweep)
        };
        let listed = rows::ask(&mut session.client, wanted).await;
        listed.map_err(|status| session.refused(&status))
    })
    .await?;
    output::table(args.output.format, &metrics, |table| sheets::readable(table, &["sweep_id", "trial_id"]))?;
    Ok(Exit::Success)
}
