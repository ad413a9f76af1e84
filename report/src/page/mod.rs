//! The report on a sweep: conclusions in words, then plots, each with its numbers and the SQL that gives them. One HTML
//! page that refers to nothing outside itself and runs no script, or pictures for papers.
//!
//! In reading order:
//! - [`Report`]: from a sweep's rows to its sections,
//! - [`scope`]: the trials of one section, as records and as SQL,
//! - [`figure`]: one file a figure,
//! - `html`, `table`: the page,
//! - [`parts`]: the same pieces one by one, for a page that shows a sweep while it runs.

pub mod scope;

pub mod figure;

mod html;

pub mod parts;

mod table;

use domain::analysis::{self, Analysis, TrialRecord};
use domain::text::is_printable;

use crate::gather::Gathered;
use crate::plot::theme::Theme;
use crate::plot::{Chart, Size, svg};
use crate::table::Table;
use figure::{Absent, Figure};
use scope::Scope;

/// What is known of a sweep besides its trials.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SweepFacts {
    /// The sweep's id, a UUID.
    pub sweep_id: String,
    /// Its name; empty for none.
    pub name: String,
    /// Its state in a word.
    pub state: String,
    /// When it was submitted, RFC 3339.
    pub created_at: String,
    /// When its last trial ended; empty before.
    pub finished_at: String,
    /// The sweep file as typed; empty when none was sent.
    pub source: String,
    /// When the report was made, RFC 3339.
    pub written_at: String,
    /// The version of batchsweep that made it.
    pub version: String,
}

/// A sweep, ready to be told.
#[derive(Debug, Clone)]
pub struct Report {
    facts: SweepFacts,
    results: Table,
    workers: Table,
    records: Vec<TrialRecord>,
    analysis: Analysis,
    curves: Vec<Table>,
    live: Option<String>,
}

/// One group of comparable trials.
#[derive(Debug, Clone)]
pub struct Section {
    /// The values of the axes that set it apart; empty where there is one section only.
    pub label: String,
    /// In the order of the page.
    pub figures: Vec<Figure>,
    /// Figures that there are no numbers for.
    pub absent: Vec<Absent>,
}

/// A plot as a picture of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What a file of it would be called, without extension.
    pub name: String,
    /// An SVG file of its own, colours written in.
    pub svg: String,
}

/// Without control characters and the like, which no page may have (and anybody's error message may bring).
#[must_use]
pub fn printable(mut page: String) -> String {
    page.retain(is_printable);
    page
}

/// Sections with figures of their own; a sweep with more groups tells the rest in its table.
const MOST_SECTIONS: usize = 12;

impl Report {
    /// `workers` holds the rows of view `worker`.
    #[must_use]
    pub fn new(facts: SweepFacts, gathered: Gathered, workers: Table) -> Self {
        let Gathered { results, records, analysis } = gathered;
        Self { facts, results, workers, records, analysis, curves: Vec::new(), live: None }
    }

    /// The same for the sweep's live page at this path: the grid is drawn before anything is known, and its cells lead to
    /// their trials.
    #[must_use]
    pub fn for_live_page(self, path: String) -> Self {
        Self { live: Some(path), ..self }
    }

    /// The statements whose rows are the curves, one a section.
    #[must_use]
    pub fn curve_queries(&self) -> Vec<String> {
        self.each_scope(figure::curves::sql)
    }

    /// The same with the rows of [`Self::curve_queries`], in their order; an empty table where there are none.
    #[must_use]
    pub fn with_curves(self, curves: Vec<Table>) -> Self {
        Self { curves, ..self }
    }

    /// The sections, in the grid's order.
    #[must_use]
    pub fn sections(&self) -> Vec<Section> {
        let none = Table::default();
        let mut curves = self.curves.iter();
        self.each_scope(|scope| {
            let drawn = [
                figure::heatmap::figure(scope),
                figure::loss_by_rate::figure(scope),
                figure::best_rate::figure(scope),
            ];
            let curves = figure::curves::figures(scope, curves.next().unwrap_or(&none));
            let rest = [
                figure::steps_to_target::figure(scope),
                figure::pareto::figure(scope),
                figure::memory::figure(scope, &self.results, &self.workers),
                figure::throughput::figure(scope),
            ];
            let (mut figures, mut absent) = (Vec::new(), Vec::new());
            for outcome in drawn.into_iter().chain(curves).chain(rest) {
                match outcome {
                    Ok(figure) => figures.push(figure),
                    Err(missing) => absent.push(missing),
                }
            }
            Section { label: scope.label(), figures, absent }
        })
    }

    /// The whole page as one file.
    #[must_use]
    pub fn html(&self) -> String {
        printable(html::page(self, &self.sections()).into_string())
    }

    /// Every plot as a picture of its own, dark on light, for papers.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        let figures = self.sections().into_iter().flat_map(|section| section.figures);
        let charts = figures.flat_map(|figure| figure.views).map(|view| view.chart);
        let draw = |chart: &Chart| svg::file(chart, Size::WIDE, Theme::Light, self.series());
        charts.map(|chart| Picture { svg: printable(draw(&chart)), name: chart.id }).collect()
    }

    /// How many batch sizes there are: the members of every series.
    #[must_use]
    pub fn series(&self) -> usize {
        self.batch_sizes().len()
    }

    fn batch_sizes(&self) -> Vec<u64> {
        let mut sizes: Vec<u64> = self.records.iter().map(|record| record.batch_size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    fn each_scope<T>(&self, mut look: impl FnMut(&Scope<'_>) -> T) -> Vec<T> {
        let sizes = self.batch_sizes();
        let groups = analysis::groups(&self.records);
        let (sweep_id, live) = (self.facts.sweep_id.as_str(), self.live.as_deref());
        let each = groups.iter().zip(&self.analysis.comparisons).take(MOST_SECTIONS).enumerate();
        let scopes = each.map(|(index, (group, comparison))| {
            look(&Scope { sweep_id, index, group, comparison, sizes: &sizes, live })
        });
        scopes.collect()
    }
}
