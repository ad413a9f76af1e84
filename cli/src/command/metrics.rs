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
    #[arg(long, value_name = "NAME")]
    name: Option<MetricName>,

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
            name: args.name.as_ref().map(MetricName::to_string).unwrap_or_default(),
            ..rows::of_sweep(View::Metric, &args.sweep)
        };
        let listed = rows::ask(&mut session.client, wanted).await;
        listed.map_err(|status| session.refused(&status))
    })
    .await?;
    if let Some(name @ MetricName::Own(_)) = args.name.as_ref().filter(|_| metrics.rows.is_empty()) {
        return Err(not_reported(name));
    }
    output::table(args.output.format, &metrics, |table| sheets::readable(table, &["sweep_id", "trial_id"]))?;
    Ok(Exit::Success)
}

/// A model may report a metric of any name, so a slip shows here alone.
fn not_reported(name: &MetricName) -> Failure {
    let known: Vec<_> = MetricName::ALL.iter().map(MetricName::word).collect();
    let near = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name.word()));
    let near = near.filter(|known| strsim::damerau_levenshtein(known, name.word()) <= 3);
    Failure::usage(match near {
        Some(near) => format!("no metric `{name}` was reported; did you mean `{near}`?"),
        None => format!(
            "no metric `{name}` was reported; without `--name`, all are listed (every trial reports {})",
            known[..3].join(", ")
        ),
    })
}
