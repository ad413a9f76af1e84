//! `status`: what of the local stack runs.

use report::rows;
use report::{Column, ColumnKind, Table};

use crate::context::Context;
use crate::coordinator::presence::Lack;
use crate::coordinator::sign_in;
use crate::failure::{Exit, Failure};
use crate::local::postgres;
use crate::local::process::ProcessId;
use crate::local::record::Record;
use crate::output::{self, Format, OutputArgs};

/// Arguments of `status`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// With exit code 3 when nothing runs.
pub async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let state = context.state_dir()?;
    let record = Record::load(&state);
    let database = postgres::running(&state);
    let mut rows = Vec::new();
    let mut push = |part: &str, process: Option<ProcessId>, address: String| {
        rows.push(vec![
            Some(part.to_owned()),
            Some(if process.is_some() { "running" } else { "stopped" }.to_owned()),
            process.map(|process| process.pid.to_string()),
            Some(address).filter(|address| process.is_some() && !address.is_empty()),
        ]);
    };
    let socket =
        database.as_ref().map(|server| server.socket_folder.display().to_string()).unwrap_or_default();
    push("postgres", database.map(|server| server.process), socket);
    push("coordinator", record.coordinator, record.url.clone());
    if !record.page.is_empty() {
        push("page", record.coordinator, record.page.clone());
    }
    for (name, process) in &record.workers {
        push(&format!("worker {name}"), Some(*process), String::new());
    }
    if record.coordinator.is_some() && record.workers.is_empty() {
        push("worker", None, String::new());
    }
    let runs = rows.iter().any(|row| row[2].is_some());
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    let columns = vec![
        column("part", ColumnKind::Text),
        column("state", ColumnKind::Text),
        column("process", ColumnKind::Integer),
        column("address", ColumnKind::Text),
    ];
    output::table(args.output.format, &Table { columns, rows }, |table| rows::readable(table, &[]))?;
    if runs {
        if record.coordinator.is_some() && args.output.format == Format::Table {
            sign_in::tell(context, &record.url, &record.page, "").await;
        }
        if record.workers.is_empty() {
            context.talk.warn(Lack::NoWorker);
            context.talk.next(Lack::NoWorker.remedy());
        }
        return Ok(Exit::Success);
    }
    context.talk.say(format_args!("nothing runs in {}", state.path().display()));
    context.talk.next("batchsweep up");
    Ok(Exit::Unreachable)
}
