//! `ls`: sweeps, newest first.

use proto::v1::{Sweep, SweepState};
use report::rows;
use report::{Column, ColumnKind, Table};

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::coordinator::sweeps;
use crate::display::trials;
use crate::failure::{Exit, Failure};
use crate::output::{self, OutputArgs};
use crate::timestamp;

/// Arguments of `ls`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// When no coordinator answers.
pub async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let sweeps = session::with(context, Purpose::Stored, async |session| {
        let newest = sweeps::newest(&mut session.client, args.limit as usize).await;
        newest.map_err(|status| session.refused(&status))
    });
    let sweeps = sweeps.await?;
    output::table(args.output.format, &table(&sweeps), |table| rows::readable(table, &[]))?;
    if sweeps.is_empty() {
        context.talk.say("no sweep yet");
        context.talk.next("batchsweep run SPEC");
    }
    Ok(Exit::Success)
}

fn table(sweeps: &[Sweep]) -> Table {
    const COLUMNS: [(&str, ColumnKind); 11] = [
        ("sweep_id", ColumnKind::Text),
        ("sweep_name", ColumnKind::Text),
        ("state", ColumnKind::Text),
        ("trials", ColumnKind::Integer),
        ("ended", ColumnKind::Integer),
        ("running", ColumnKind::Integer),
        ("failed", ColumnKind::Integer),
        ("cancelled", ColumnKind::Integer),
        ("created_at", ColumnKind::Text),
        ("finished_at", ColumnKind::Text),
        ("tags", ColumnKind::Text),
    ];
    let rows = sweeps.iter().map(|sweep| {
        let (all, ended) = trials(sweep.counts.as_ref());
        let counts = sweep.counts.unwrap_or_default();
        vec![
            Some(sweep.sweep_id.clone()),
            Some(sweep.name.clone()).filter(|name| !name.is_empty()),
            Some(state(sweep.state()).to_owned()),
            Some(all.to_string()),
            Some(ended.to_string()),
            Some(counts.running.to_string()),
            Some(counts.failed.to_string()),
            Some(counts.cancelled.to_string()),
            sweep.created_at.as_ref().map(timestamp::text),
            sweep.finished_at.as_ref().map(timestamp::text),
            Some(sweep.tags.join(" ")).filter(|tags| !tags.is_empty()),
        ]
    });
    Table {
        columns: COLUMNS.map(|(name, kind)| Column { name: name.to_owned(), kind }).to_vec(),
        rows: rows.collect(),
    }
}

/// The word for a state.
#[must_use]
pub fn state(state: SweepState) -> &'static str {
    match state {
        SweepState::Active => "active",
        SweepState::Paused => "paused",
        SweepState::Cancelled => "cancelled",
        SweepState::Finished => "finished",
        SweepState::Unspecified => "unknown",
    }
}
