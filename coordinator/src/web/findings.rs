//! What a sweep has found so far, worked out once for all who look: analysis and plots of a large sweep take a while, and
//! every page of it asks for them at each trial that ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::analysis;
use domain::spec::TrainSpec;
use maud::html;
use proto::v1;
use report::page::{Report, SweepFacts};
use report::{Column, ColumnKind, Sheet, Table, evaluations, records, results};
use uuid::Uuid;

use super::piece::Piece;
use super::refusal::Refusal;
use super::trial::{self, Beside};
use super::words;
use crate::service::Context;
use crate::service::status::of_store;
use crate::store::rows::{self, View, Wanted};
use crate::store::sweep::{self, SweepRow};
use crate::store::{StoreError, reader};

/// Sweeps and trials kept in memory before those that nobody looks at are dropped.
const KEPT: usize = 32;

/// The curves of running trials are looked at again after so long.
const CURVES_AGE: Duration = Duration::from_secs(4);

/// Between two looks at a sweep lies so many times what one takes: at most a fifth of a core for each sweep.
const REST: u32 = 4;

/// What a sweep has found, or one trial of it.
#[derive(Debug)]
pub struct Found {
    /// Its rows of view `result`.
    pub results: Table,
    /// The same for people.
    pub sheet: Sheet,
    /// How many batch sizes there are.
    pub series: usize,
    /// In words, at `summary`, and in figures, at `figures`; of one trial also its tables, at `trial`.
    pub pieces: Vec<Piece>,
}

/// A sweep, or one trial of it.
type Subject = (Uuid, Option<Uuid>);

/// The findings of one subject; whoever works them out holds it.
type Shelf = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// The findings of what somebody looks at.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    shelves: Arc<Mutex<HashMap<Subject, Shelf>>>,
}

#[derive(Debug)]
struct Kept {
    found: Arc<Found>,
    counts: [(u64, &'static str); 7],
    made: Instant,
    took: Duration,
}

impl Findings {
    /// The findings of a sweep, or of one trial of it, as it is now or was a moment ago.
    ///
    /// # Errors
    /// As any query.
    pub async fn of(
        &self,
        context: &Context,
        row: &SweepRow,
        trial: Option<Uuid>,
    ) -> Result<Arc<Found>, Refusal> {
        let place = self.place((row.sweep_id, trial));
        // Others who ask meanwhile wait here, and find what they want.
        let mut kept = place.lock().await;
        let counts = words::counts(row);
        if let Some(kept) = kept.as_ref() {
            let is_same = kept.counts == counts;
            if is_same && (row.running == 0 || kept.made.elapsed() < CURVES_AGE) {
                return Ok(kept.found.clone());
            }
            if let Some(rest) = (kept.took * REST).checked_sub(kept.made.elapsed()) {
                tokio::time::sleep(rest).await;
            }
        }
        let start = Instant::now();
        let found = Arc::new(find(context, row, trial).await?);
        *kept = Some(Kept { found: found.clone(), counts, made: Instant::now(), took: start.elapsed() });
        Ok(found)
    }

    fn place(&self, subject: Subject) -> Shelf {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if shelves.len() >= KEPT && !shelves.contains_key(&subject) {
            // One that is being asked for is held elsewhere too.
            shelves.retain(|_, place| Arc::strong_count(place) > 1);
        }
        shelves.entry(subject).or_default().clone()
    }
}

async fn find(context: &Context, row: &SweepRow, trial: Option<Uuid>) -> Result<Found, Refusal> {
    let Tables { results, workers, of_trial } = tables(context, row.sweep_id, trial).await?;
    let spec = sweep::decode_spec(row.sweep_id, &row.spec)?;
    let train = proto::from_wire::sweep(spec).ok().map(|draft| draft.train);
    let gaps = evaluation_gaps(context, row.sweep_id, train.as_ref(), &results).await?;
    let facts = SweepFacts { sweep_id: row.sweep_id.to_string(), ..SweepFacts::default() };
    let page = trial.is_none().then(|| format!("/sweeps/{}", row.sweep_id));
    let report = blocking(move || {
        let report = analyzed(facts, results, workers, train.as_ref(), &gaps);
        match page {
            Some(page) => report.for_live_page(page),
            None => report,
        }
    });
    let report = report.await?;
    let mut curves = Vec::new();
    for sql in report.curve_queries() {
        curves.push(curves_of(context, &sql).await?);
    }
    blocking(move || {
        let report = report.with_curves(curves);
        let (series, mut pieces) = (report.series(), pieces(&report));
        pieces.extend(of_trial.iter().map(|(of, table)| of.piece(table)));
        let results = report.into_results();
        Found { sheet: results::sheet(&results), series, pieces, results }
    })
    .await
}

fn pieces(report: &Report) -> Vec<Piece> {
    let mut pieces = vec![Piece::new("summary", "conclusion", &report.conclusion())];
    let sections = report.drawn();
    for (index, section) in sections.iter().enumerate() {
        if sections.len() > 1 {
            pieces.push(Piece::new("figures", format!("section-{index}"), &html! { h2 { (section.label) } }));
        }
        let figures = section.figures.iter();
        pieces.extend(figures.map(|figure| Piece::new("figures", &*figure.id, &figure.markup)));
        if let Some(absent) = &section.absent {
            pieces.push(Piece::new("figures", format!("absent-{index}"), absent));
        }
    }
    pieces
}

fn analyzed(
    facts: SweepFacts,
    results: Table,
    workers: Table,
    train: Option<&TrainSpec>,
    gaps: &Table,
) -> Report {
    let mut records = records::records(&results);
    evaluations::add(&mut records, gaps);
    let analysis = analysis::analyze(&records, train);
    Report::new(facts, results, workers, analysis)
}

/// How far apart evaluations are where trials met their target, so that the page concludes what the command does.
async fn evaluation_gaps(
    context: &Context,
    sweep_id: Uuid,
    train: Option<&TrainSpec>,
    results: &Table,
) -> Result<Table, Refusal> {
    let Some(target) = train.and_then(|train| train.target) else { return Ok(Table::default()) };
    match evaluations::sql(&sweep_id.to_string(), target.metric, &records::records(results)) {
        Some(sql) => curves_of(context, &sql).await,
        None => Ok(Table::default()),
    }
}

/// A report without curves is still one, so that a statement which takes too long costs them and not the page.
async fn curves_of(context: &Context, sql: &str) -> Result<Table, Refusal> {
    match reader::query(&context.reader, sql).await {
        Ok(answer) => Ok(table(answer.table)),
        Err(reader::ReaderError::Unavailable(error)) => Err(reader::ReaderError::Unavailable(error).into()),
        Err(error) => {
            tracing::warn!("a page is without its curves: {error}");
            Ok(Table::default())
        }
    }
}

/// Rows of a subject, as they are at one moment.
struct Tables {
    results: Table,
    workers: Table,
    /// What a trial's own page tells besides.
    of_trial: Vec<(&'static Beside, Table)>,
}

async fn tables(context: &Context, sweep_id: Uuid, trial_id: Option<Uuid>) -> Result<Tables, StoreError> {
    let mut transaction = context.store.begin_reading().await?;
    let wanted = Wanted { sweep_id, trial_id, ..Wanted::default() };
    let results = rows::list(&mut transaction, View::Result, &wanted).await?;
    let workers = rows::list(&mut transaction, View::Worker, &Wanted::default()).await?;
    let mut of_trial = Vec::new();
    for of in trial_id.iter().flat_map(|_| &trial::BESIDE) {
        of_trial.push((of, table(rows::list(&mut transaction, of.view, &wanted).await?.table)));
    }
    Ok(Tables { results: table(results.table), workers: table(workers.table), of_trial })
}

/// Off the threads that answer calls: a large sweep takes a second.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Refusal::of(&of_store(StoreError::corrupt("the findings of a sweep", error))))
}

/// Rows in `report`'s words.
pub fn table(table: v1::Table) -> Table {
    let kind = |kind: v1::ColumnKind| match kind {
        v1::ColumnKind::Integer => ColumnKind::Integer,
        v1::ColumnKind::Number => ColumnKind::Number,
        v1::ColumnKind::Boolean => ColumnKind::Boolean,
        v1::ColumnKind::Text | v1::ColumnKind::Timestamp | v1::ColumnKind::Unspecified => ColumnKind::Text,
    };
    let columns = table.columns.into_iter();
    let columns = columns.map(|column| Column { kind: kind(column.kind()), name: column.name });
    let rows = table.rows.into_iter().map(|row| row.cells.into_iter().map(|cell| cell.text).collect());
    Table { columns: columns.collect(), rows: rows.collect() }
}
