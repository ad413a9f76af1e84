//! `show`: one sweep.

mod why;

use std::fmt::Write as _;
use std::io::IsTerminal;

use domain::text::printable;
use proto::v1::{QueryRequest, Sweep, View};
use report::wrap::wrap;
use report::{Table, data_line, human};
use serde_json::json;

use crate::analysis;
use crate::conclusion::{self, FEW_WARNINGS};
use crate::context::Context;
use crate::coordinator::rows;
use crate::coordinator::session::{self, Purpose, Session};
use crate::failure::{Exit, Failure};
use crate::output::{self, Format, OutputArgs};
use crate::timestamp;

use super::ls;
use super::watch;

/// Arguments of `show`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// Print the sweep file as it was submitted
    #[arg(long, conflicts_with = "format")]
    source: bool,

    /// Print why the sweep's search trained a cell or left it out: BATCH_SIZE@LEARNING_RATE, or the index of a trial
    #[arg(long, value_name = "CELL", conflicts_with = "source")]
    why: Option<why::Wanted>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or no coordinator.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if let Some(wanted) = &args.why {
        return why::run(&args.sweep, wanted, args.output.format, context).await;
    }
    let (analyzed, best, data, lack) = session::with(context, Purpose::Stored, async |session| {
        let analyzed = analysis::fetch(session, &args.sweep).await?;
        let sweep_id = &analyzed.sweep.sweep_id;
        let best = rows::list(&mut session.client, View::BestLearningRate, sweep_id, "").await;
        let best = best.map_err(|status| session.refused(&status))?;
        let data = data_of(session, sweep_id).await;
        let lack = session.presence.lack(&session.client, &analyzed.sweep).await;
        Ok((analyzed, best, data, lack))
    })
    .await?;
    let sweep = &analyzed.sweep;
    match args.output.format {
        // Others may have written it; in a file it stays as it is.
        _ if args.source && std::io::stdout().is_terminal() => output::text(&printable(&sweep.source))?,
        _ if args.source => output::text(&sweep.source)?,
        Format::Json => output::text(&format!("{:#}\n", object(sweep, &best, data.as_deref())))?,
        Format::Csv => output::text(&report::csv::render(&best))?,
        Format::Table => {
            output::text(&page(sweep, data.as_deref()))?;
            output::text("\n")?;
            conclusion::write_conclusion(&analyzed, FEW_WARNINGS, context.talk)?;
            if lack.is_none() {
                context.talk.next(format_args!("batchsweep best {}", args.sweep));
            }
        }
    }
    if let Some(lack) = lack {
        context.talk.warn(format_args!("{lack}, so nothing is trained"));
        context.talk.next(lack.remedy());
    }
    Ok(Exit::Success)
}

/// What its data is; nothing before the first trial has read it, and where logs cannot be queried.
async fn data_of(session: &Session, sweep_id: &str) -> Option<String> {
    let sql = data_line::sql(sweep_id);
    let answer = session.client.clone().query(QueryRequest { sql }).await.ok()?;
    data_line::read(&proto::table::from_wire(answer.into_inner().table?))
}

fn page(sweep: &Sweep, data: Option<&str>) -> String {
    let mut page = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(page, "{name:<9} {value}");
        }
    };
    line("sweep", &sweep.sweep_id);
    line("name", &sweep.name);
    line("state", ls::state(sweep.state()));
    line("paused", &printable(&sweep.pause_reason));
    line("trials", &watch::by_state(sweep.counts.as_ref()));
    if sweep.weight != 1.0 {
        line("weight", &human::exact(sweep.weight));
    }
    line("created", &sweep.created_at.as_ref().map(timestamp::text).unwrap_or_default());
    line("finished", &sweep.finished_at.as_ref().map(timestamp::text).unwrap_or_default());
    if let Some(data) = data.map(printable) {
        page.push_str(&wrap(&format!("{:<9} {data}", "data"), output::look().width, 10));
    }
    page
}

fn object(sweep: &Sweep, best: &Table, data: Option<&str>) -> serde_json::Value {
    let counts = sweep.counts.unwrap_or_default();
    let rows: serde_json::Value = serde_json::from_str(&report::json::render(best)).unwrap_or_default();
    json!({
        "sweep_id": sweep.sweep_id,
        "sweep_name": Some(&sweep.name).filter(|name| !name.is_empty()),
        "state": ls::state(sweep.state()),
        "pause_reason": Some(&sweep.pause_reason).filter(|reason| !reason.is_empty()),
        "trials": {
            "pending": counts.pending,
            "running": counts.running,
            "succeeded": counts.succeeded,
            "diverged": counts.diverged,
            "infeasible": counts.infeasible,
            "failed": counts.failed,
            "cancelled": counts.cancelled,
            "undecided": counts.undecided,
            "stopped": counts.stopped,
            "skipped": counts.skipped,
        },
        "weight": sweep.weight,
        "data": data,
        "created_at": sweep.created_at.as_ref().map(timestamp::text),
        "finished_at": sweep.finished_at.as_ref().map(timestamp::text),
        "best_learning_rate": rows,
        "source": sweep.source,
    })
}
