//! The analysis of a sweep so far, worked out once for all who look: analysis and plots of a large sweep take a while, and
//! every page of it asks for them at each trial that ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::table::View;
use domain::units::{SweepId, TrialId};
use maud::html;
use report::gather::Gathering;
use report::page::{Report, SweepFacts};
use report::{Sheet, Table, results};

use super::beside::{BESIDE, Beside};
use super::piece::Piece;
use super::refusal::Refusal;
use super::words;
use crate::access::status::of_store;
use crate::context::Context;
use crate::store::StoreError;
use crate::store::rows::{self, Wanted, reader};
use crate::store::sweep::SweepRow;

/// Sweeps and trials kept in memory before those that nobody looks at are dropped.
const KEPT: usize = 32;

/// The curves of running trials are looked at again after so long.
const CURVES_AGE: Duration = Duration::from_secs(4);

/// Between two looks at a sweep lies so many times what one takes: at most a fifth of a core for each sweep.
const REST: u32 = 4;

/// A sweep, or one trial of it, analysed and drawn.
#[derive(Debug)]
pub struct Analyzed {
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
type Subject = (SweepId, Option<TrialId>);

/// The analysis of one subject; whoever works it out holds the lock.
type Shelf = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// The analyses of what somebody looks at.
#[derive(Debug, Clone, Default)]
pub struct Analyses {
    shelves: Arc<Mutex<HashMap<Subject, Shelf>>>,
}

#[derive(Debug)]
struct Kept {
    analyzed: Arc<Analyzed>,
    counts: [(u64, &'static str); 10],
    made: Instant,
    took: Duration,
}

impl Analyses {
    /// The analysis of a sweep, or of one trial of it, as it is now or was a moment ago.
    ///
    /// # Errors
    /// As any query.
    pub async fn of(
        &self,
        context: &Context,
        row: &SweepRow,
        trial: Option<TrialId>,
    ) -> Result<Arc<Analyzed>, Refusal> {
        let place = self.place((row.sweep_id, trial));
        // Others who ask meanwhile wait here, and find what they want.
        let mut kept = place.lock().await;
        let counts = words::counts(row);
        if let Some(kept) = kept.as_ref() {
            let is_same = kept.counts == counts;
            if is_same && (row.counts.running == 0 || kept.made.elapsed() < CURVES_AGE) {
                return Ok(kept.analyzed.clone());
            }
            if let Some(rest) = (kept.took * REST).checked_sub(kept.made.elapsed()) {
                tokio::time::sleep(rest).await;
            }
        }
        let start = Instant::now();
        let analyzed = Arc::new(analyze(context, row, trial).await?);
        *kept =
            Some(Kept { analyzed: analyzed.clone(), counts, made: Instant::now(), took: start.elapsed() });
        Ok(analyzed)
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

async fn analyze(context: &Context, row: &SweepRow, trial: Option<TrialId>) -> Result<Analyzed, Refusal> {
    let Tables { results, workers, of_trial } = tables(context, row.sweep_id, trial).await?;
    // Without it there still is an analysis.
    let train = row.spec.read(row.sweep_id).ok().map(|spec| spec.train);
    let sweep_id = row.sweep_id.to_string();
    let gathering = blocking(move || Gathering::new(results, train)).await?;
    let gaps = match gathering.query(&sweep_id) {
        Some(sql) => curves_of(context, &sql).await?,
        None => Table::default(),
    };
    let page = trial.is_none().then(|| format!("/sweeps/{sweep_id}"));
    let report = blocking(move || {
        let facts = SweepFacts { sweep_id, ..SweepFacts::default() };
        let report = Report::new(facts, gathering.analyze(&gaps), workers);
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
        pieces.extend(of_trial.iter().filter_map(|(of, table)| of.piece(table)));
        let results = report.into_results();
        Analyzed { sheet: results::sheet(&results), series, pieces, results }
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

/// A report without curves is still one, so that a statement which takes too long costs them and not the page.
async fn curves_of(context: &Context, sql: &str) -> Result<Table, Refusal> {
    match reader::query(&context.store, &context.reader, sql).await {
        Ok(answer) => Ok(answer.table),
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

async fn tables(
    context: &Context,
    sweep_id: SweepId,
    trial_id: Option<TrialId>,
) -> Result<Tables, StoreError> {
    let mut transaction = context.store.begin_reading().await?;
    let wanted = Wanted { sweep_id: Some(sweep_id), trial_id, ..Wanted::default() };
    let results = rows::all(&mut transaction, View::Result, &wanted).await?;
    let workers = rows::list(&mut transaction, View::Worker, &Wanted::default()).await?;
    let mut of_trial = Vec::new();
    for of in trial_id.iter().flat_map(|_| &BESIDE) {
        of_trial.push((of, rows::list(&mut transaction, of.view, &wanted).await?.table));
    }
    Ok(Tables { results, workers: workers.table, of_trial })
}

/// Off the threads that answer calls: a large sweep takes a second.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Refusal::of(&of_store(StoreError::corrupt("the analysis of a sweep", error))))
}
