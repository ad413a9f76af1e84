//! What a sweep has found so far, worked out once for all who look: analysis and plots of a large sweep take a while, and
//! every page of it asks for them at each trial that ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::analysis;
use domain::spec::TrainSpec;
use proto::v1;
use report::page::parts::DrawnSection;
use report::page::{Report, SweepFacts};
use report::{Column, ColumnKind, Table, records};
use uuid::Uuid;

use super::refusal::Refusal;
use super::words;
use crate::service::Context;
use crate::service::status::of_store;
use crate::store::rows::{self, View, Wanted};
use crate::store::sweep::{self, SweepRow};
use crate::store::{StoreError, reader};

/// Sweeps kept in memory before those that nobody looks at are dropped.
const KEPT: usize = 16;

/// The curves of running trials are looked at again after so long.
const CURVES_AGE: Duration = Duration::from_secs(4);

/// Between two looks at a sweep lies so many times what one takes: at most a fifth of a core for each sweep.
const REST: u32 = 4;

/// What a sweep has found.
#[derive(Debug)]
pub struct Found {
    /// Its rows of view `result`.
    pub results: Table,
    /// How many batch sizes there are.
    pub series: usize,
    /// In words.
    pub conclusion: maud::Markup,
    /// In figures.
    pub sections: Vec<DrawnSection>,
}

/// The findings of one sweep; whoever works them out holds it.
type Shelf = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// The findings of sweeps that somebody looks at.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    sweeps: Arc<Mutex<HashMap<Uuid, Shelf>>>,
}

#[derive(Debug)]
struct Kept {
    found: Arc<Found>,
    counts: [(u64, &'static str); 7],
    made: Instant,
    took: Duration,
}

impl Findings {
    /// The findings of a sweep as it is now, or was a moment ago.
    ///
    /// # Errors
    /// As any query.
    pub async fn of(&self, context: &Context, row: &SweepRow) -> Result<Arc<Found>, Refusal> {
        let place = self.place(row.sweep_id);
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
        let found = Arc::new(find(context, row, None).await?);
        *kept = Some(Kept { found: found.clone(), counts, made: Instant::now(), took: start.elapsed() });
        Ok(found)
    }

    fn place(&self, sweep_id: Uuid) -> Shelf {
        let mut sweeps = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner);
        if sweeps.len() >= KEPT && !sweeps.contains_key(&sweep_id) {
            // One that is being asked for is held elsewhere too.
            sweeps.retain(|_, place| Arc::strong_count(place) > 1);
        }
        sweeps.entry(sweep_id).or_default().clone()
    }
}

/// What a sweep has found, or one trial of it alone.
///
/// # Errors
/// As any query.
pub async fn find(context: &Context, row: &SweepRow, trial: Option<Uuid>) -> Result<Found, Refusal> {
    let (results, workers) = tables(context, row.sweep_id, trial).await?;
    let spec = sweep::decode_spec(row.sweep_id, &row.spec)?;
    let train = proto::from_wire::sweep(spec).ok().map(|draft| draft.train);
    let facts = SweepFacts { sweep_id: row.sweep_id.to_string(), ..SweepFacts::default() };
    let report = blocking(move || analyzed(facts, results, workers, train.as_ref())).await?;
    let mut curves = Vec::new();
    for sql in report.curve_queries() {
        curves.push(curves_of(context, &sql).await?);
    }
    blocking(move || {
        let report = report.with_curves(curves);
        Found {
            series: report.series(),
            conclusion: report.conclusion(),
            sections: report.drawn(),
            results: report.into_results(),
        }
    })
    .await
}

fn analyzed(facts: SweepFacts, results: Table, workers: Table, train: Option<&TrainSpec>) -> Report {
    let analysis = analysis::analyze(&records::records(&results), train);
    Report::new(facts, results, workers, analysis)
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

async fn tables(
    context: &Context,
    sweep_id: Uuid,
    trial_id: Option<Uuid>,
) -> Result<(Table, Table), StoreError> {
    let mut transaction = context.store.begin_reading().await?;
    let wanted = Wanted { sweep_id, trial_id, ..Wanted::default() };
    let results = rows::list(&mut transaction, View::Result, &wanted).await?;
    let workers = rows::list(&mut transaction, View::Worker, &Wanted::default()).await?;
    Ok((table(results.table), table(workers.table)))
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
