//! `export`: a sweep as files for notebooks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;
use proto::v1::{GetSweepRequest, ListRowsRequest, View};
use report::{Table, human};

use crate::context::Context;
use crate::coordinator::rows::{self, Pages};
use crate::coordinator::session::{self, Purpose, Session};
use crate::export::TableFile;
use crate::export::csv::CsvFile;
use crate::export::folder::Folder;
use crate::export::parquet::ParquetFile;
use crate::export::tensorboard::{Run, Trial};
use crate::failure::{Exit, Failure};

/// Arguments of `export`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// What to write: csv or parquet for a file each of results, trials, metrics, attempts, splits and decisions; tensorboard for a
    /// run a trial
    #[arg(long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    format: Format,

    /// The folder to write to: a new or empty one, or that of the same export before
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A header line, NULL as an empty field
    Csv,
    /// Typed columns
    Parquet,
    /// Event files
    Tensorboard,
}

impl Format {
    fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Tensorboard => "tensorboard",
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, no coordinator, or the folder holds something else or cannot be written.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let done = session::with(context, Purpose::Stored, async |session| {
        let request = GetSweepRequest { sweep: args.sweep.clone() };
        let answer = session.client.get_sweep(request).await.map_err(|status| session.refused(&status))?;
        // By id: `@last` may be another sweep by now.
        let sweep_id = answer.into_inner().sweep.unwrap_or_default().sweep_id;
        let folder = Folder::open(&args.out, &sweep_id, args.format.word())?;
        match args.format {
            Format::Csv => tables(session, &sweep_id, |name| CsvFile::begin(&folder, name)).await,
            Format::Parquet => tables(session, &sweep_id, |name| ParquetFile::begin(&folder, name)).await,
            Format::Tensorboard => runs(session, &sweep_id, &folder).await,
        }
    });
    let Done { files, what, points } = done.await?;
    let (files, points) = (human::count(files, what), human::count(points, "point"));
    context.talk.say(format_args!("wrote {files} with {points} to {}", args.out.display()));
    if args.format == Format::Tensorboard {
        context.talk.next(format_args!("tensorboard --logdir {}", args.out.display()));
    }
    Ok(Exit::Success)
}

/// What was written.
struct Done {
    files: u64,
    what: &'static str,
    points: u64,
}

/// A file a view. Curves are asked for trial by trial, so that none of them need fit in memory.
async fn tables<F: TableFile>(
    session: &mut Session,
    sweep_id: &str,
    begin: impl Fn(&str) -> Result<F, Failure>,
) -> Result<Done, Failure> {
    let mut begun = Vec::new();
    for (name, view) in [
        ("results", View::Result),
        ("trials", View::Trial),
        ("attempts", View::Attempt),
        ("splits", View::Split),
        ("decisions", View::Decision),
    ] {
        let mut file = begin(name)?;
        let mut pages = Pages::new(rows::of_sweep(view, sweep_id));
        while let Some(page) = next(&mut pages, session).await? {
            if view == View::Result {
                begun.extend(objects(&page).filter_map(|row| begun_trial(&row)));
            }
            file.add(page)?;
        }
        file.finish()?;
    }
    let mut file = begin("metrics")?;
    let mut points = 0;
    if begun.is_empty() {
        // The columns alone.
        let mut pages = Pages::new(rows::of_sweep(View::Metric, sweep_id));
        if let Some(page) = next(&mut pages, session).await? {
            file.add(page)?;
        }
    }
    for trial in begun {
        let mut pages = Pages::new(ListRowsRequest { trial, ..rows::of_sweep(View::Metric, sweep_id) });
        while let Some(page) = next(&mut pages, session).await? {
            points += page.rows.len() as u64;
            file.add(page)?;
        }
    }
    file.finish()?;
    Ok(Done { files: 5, what: "file", points })
}

async fn next(pages: &mut Pages, session: &mut Session) -> Result<Option<Table>, Failure> {
    pages.next(&mut session.client).await.map_err(|status| session.refused(&status))
}

/// A run a trial that somebody has begun.
async fn runs(session: &mut Session, sweep_id: &str, folder: &Folder) -> Result<Done, Failure> {
    let mut done = Done { files: 0, what: "run", points: 0 };
    let mut results = Pages::new(rows::of_sweep(View::Result, sweep_id));
    while let Some(page) = next(&mut results, session).await? {
        for row in objects(&page) {
            let Some(trial) = Trial::from_result(&row) else { continue };
            let wanted =
                ListRowsRequest { trial: trial.index.to_string(), ..rows::of_sweep(View::Metric, sweep_id) };
            let mut run = Run::begin(folder, trial)?;
            let mut pages = Pages::new(wanted);
            while let Some(page) = next(&mut pages, session).await? {
                run.add(&page)?;
            }
            done.points += run.finish()?;
            done.files += 1;
        }
    }
    Ok(done)
}

/// The trial of a row of view `result`, by its index; `None` where nobody has begun it.
fn begun_trial(row: &BTreeMap<&str, &str>) -> Option<String> {
    row.get("started_at").and(row.get("trial_index")).map(|&index| index.to_owned())
}

/// The rows by the names of their columns; NULL is not there.
fn objects(table: &Table) -> impl Iterator<Item = BTreeMap<&str, &str>> {
    table.rows.iter().map(|row| {
        let cells = table.columns.iter().zip(row);
        cells.filter_map(|(column, cell)| Some((column.name.as_str(), cell.as_deref()?))).collect()
    })
}
