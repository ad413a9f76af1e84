//! The final score over batch size and learning rate.

use domain::analysis::{BestRate, Cell, CellState};

use super::tiles::tiles;
use super::{Absent, Figure, View, number, table, whole};
use crate::human;
use crate::page::scope::Scope;
use crate::plot::color::{Rgb, viridis};
use crate::plot::{Axis, Chart, Ink, Key, Layer, Mark, Ramp, Shape, Spacing, Swatch, Unit};
use crate::table::ColumnKind::{Integer, Number};
use crate::table::Table;

const TITLE: &str = "Score over batch size and learning rate";

/// The figure.
///
/// # Errors
/// Where no trial has ended, on a page that does not go on.
pub fn figure(scope: &Scope<'_>) -> Result<Figure, Absent> {
    if scope.live.is_none() && scope.grid().cells.iter().all(|cell| cell.state() == CellState::Open) {
        return Err(Absent::new(TITLE, "No trial has ended yet."));
    }
    Ok(Figure {
        id: scope.id("heatmap"),
        title: TITLE.to_owned(),
        caption: caption(scope),
        views: View::only(chart(scope)),
        table: cells_table(scope),
        sql: scope.sql(include_str!("../sql/cells.sql")),
    })
}

fn caption(scope: &Scope<'_>) -> String {
    let repeats = scope.grid().cells.iter().map(repeats).max().unwrap_or(1);
    let median = if repeats > 1 { format!(", the median over {repeats} seeds") } else { String::new() };
    let star = if scope.comparison.best.iter().any(BestRate::is_best_of_row) {
        " A star marks the best learning rate of each batch size, in red where it lies on the edge of what was tried: the optimum \
         may lie beyond."
    } else {
        ""
    };
    let within = if scope.is_by_steps() {
        " Colours compare within a batch size: large ones take fewer steps whatever the learning rate."
    } else {
        ""
    };
    let click = if scope.live.is_some() { " A click on a cell leads to its trials." } else { "" };
    format!("{}{median}; lighter is lower, and lower is better.{within}{star}{click}", scope.score_phrase())
}

fn repeats(cell: &Cell) -> u64 {
    cell.scores.len() as u64
        + cell.diverged
        + cell.not_finite
        + cell.missed
        + cell.infeasible
        + cell.failed
        + cell.open
}

fn chart(scope: &Scope<'_>) -> Chart {
    let sizes = scope.batch_sizes();
    let columns: Vec<(f64, f64)> = tiles(&sizes.iter().map(|&size| size as f64).collect::<Vec<_>>());
    let colors = Colors::of(scope);
    let mut layers = Vec::new();
    for (size, x) in sizes.iter().zip(&columns) {
        let row = scope.grid().row(*size);
        let rates: Vec<f64> = row.iter().map(|cell| cell.learning_rate).collect();
        for (cell, y) in row.into_iter().zip(tiles(&rates)) {
            layers.push(layer(scope, cell, *x, y, &colors));
        }
    }
    let ends = |pick: fn(&Shape) -> Option<(f64, f64)>| {
        let ends = layers.iter().filter_map(|layer: &Layer| pick(&layer.shape));
        let ends: Vec<f64> = ends.flat_map(|(low, high)| [low, high]).collect();
        Spacing::Log10.span(ends, 0.0)
    };
    let across = ends(|shape| if let Shape::Cell { x, .. } = shape { Some(*x) } else { None });
    let up = ends(|shape| if let Shape::Cell { y, .. } = shape { Some(*y) } else { None });
    let rates = scope.grid().learning_rates();
    let rate_axis = Axis::new("learning rate", Spacing::Log10, Unit::Rate, up);
    Chart {
        id: scope.id("heatmap"),
        title: format!("{} over batch size and learning rate", scope.score_phrase()),
        description: description(scope),
        x: scope.batch_axis(across),
        y: if rates.len() <= 9 { rate_axis.marked(rates) } else { rate_axis },
        layers,
        keys: keys(scope),
        ramp: colors.ramp(),
    }
}

/// What the drawing says, for those who do not see it.
fn description(scope: &Scope<'_>) -> String {
    let best = scope.batch_sizes().into_iter().filter_map(|size| {
        let best = scope.comparison.best_of(size)?;
        Some(format!(
            "batch size {size}: {} at learning rate {}",
            scope.score_text(best.median, 3),
            human::exact(best.learning_rate)
        ))
    });
    format!("Best of each batch size. {}.", best.collect::<Vec<_>>().join("; "))
}

fn layer(scope: &Scope<'_>, cell: &Cell, x: (f64, f64), y: (f64, f64), colors: &Colors) -> Layer {
    let best = scope.comparison.best_of(cell.batch_size);
    let best = best.filter(|best| best.learning_rate == cell.learning_rate && best.is_best_of_row());
    let (ink, label) = match (cell.state(), cell.median) {
        (CellState::Scored, Some(median)) => {
            let color = colors.of_score(scope, cell.batch_size, median);
            (Ink::Fill(color), Some(scope.score_text(median, colors.digits)))
        }
        (CellState::Diverged, _) => (Ink::Hatched, None),
        _ => (Ink::Unknown, None),
    };
    let star = best.map(|best| if best.edge.is_some() { Ink::Alarm } else { Ink::Text });
    Layer::new(Shape::Cell { x, y, label, star }, ink).tip(tip(scope, cell)).link(link(scope, cell))
}

fn tip(scope: &Scope<'_>, cell: &Cell) -> String {
    let mut parts =
        vec![format!("batch size {}, learning rate {}", cell.batch_size, human::exact(cell.learning_rate))];
    if let Some(median) = cell.median {
        let name = scope.grid().metric.name();
        parts.push(format!("{name} {}", scope.score_text(median, 4)));
    }
    if let Some(range) = cell.range.filter(|range| range.low < range.high) {
        let ends = [range.low, range.high].map(|end| scope.score_text(end, 4));
        parts.push(format!("{} to {} over seeds", ends[0], ends[1]));
    }
    let counts = [
        (cell.diverged, "diverged"),
        (cell.not_finite, "without a finite loss"),
        (cell.missed, "missed the target"),
        (cell.infeasible, "did not fit in memory"),
        (cell.stopped, "ended early"),
        (cell.failed, "failed or cancelled"),
        (cell.open, "not finished"),
        (cell.skipped, "left out by the search"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    parts.extend(counts.map(|(count, what)| format!("{count} {what}")));
    parts.join("; ")
}

/// The trials of a cell, on the live page.
fn link(scope: &Scope<'_>, cell: &Cell) -> Option<String> {
    let page = scope.live?;
    let trials = scope.group.trials.iter();
    let trials = trials
        .filter(|trial| trial.batch_size == cell.batch_size && trial.learning_rate == cell.learning_rate);
    let indices: Vec<String> = trials.map(|trial| trial.trial_index.to_string()).collect();
    Some(format!("{page}?trials={}#trials", indices.join(",")))
}

fn keys(scope: &Scope<'_>) -> Vec<Key> {
    let has = |state: CellState| scope.grid().cells.iter().any(|cell| cell.state() == state);
    let bests: Vec<_> = scope.comparison.best.iter().filter(|best| best.is_best_of_row()).collect();
    let star = Swatch::Mark(Mark::Star);
    let mut keys = Vec::new();
    if bests.iter().any(|best| best.edge.is_none()) {
        keys.push(Key::new(star, Ink::Text, "best"));
    }
    if bests.iter().any(|best| best.edge.is_some()) {
        keys.push(Key::new(star, Ink::Alarm, "best, at the edge of the grid"));
    }
    if has(CellState::Diverged) {
        keys.push(Key::new(Swatch::Block, Ink::Hatched, "diverged"));
    }
    let gaps = [
        (CellState::NotFinite, "without a finite loss"),
        (CellState::Missed, "missed the target"),
        (CellState::Infeasible, "did not fit"),
        (CellState::Open, "not finished"),
        (CellState::Stopped, "ended early"),
        (CellState::Failed, "failed"),
        (CellState::Skipped, "left out by the search"),
    ];
    let gaps: Vec<&str> = gaps.into_iter().filter(|(state, _)| has(*state)).map(|(_, word)| word).collect();
    if !gaps.is_empty() {
        keys.push(Key::new(Swatch::Block, Ink::Unknown, gaps.join(" or ")));
    }
    keys
}

/// Scores as colours: evenly along the scores, or along their logarithm where they differ manyfold.
struct Colors {
    spacing: Spacing,
    /// From the lightest to the darkest; empty without a score.
    span: Option<(f64, f64)>,
    /// What is written at its ends.
    names: Option<(String, String)>,
    /// Significant digits that tell the scores apart, within reason.
    digits: usize,
}

/// A span of scores is told as no less than this share of the lowest: a thousandth of difference is not to look like the
/// difference between light and dark.
const LEAST_SHARE: f64 = 0.05;

impl Colors {
    fn of(scope: &Scope<'_>) -> Self {
        let compared = |cell: &Cell, median: f64| median / reference(scope, cell.batch_size);
        let mut scores: Vec<f64> = scope.scored().map(|(cell, median)| compared(cell, median)).collect();
        scores.sort_by(f64::total_cmp);
        let span = scores.first().zip(scores.last()).map(|(&low, &high)| {
            let least = (LEAST_SHARE * low.abs()).max(f64::MIN_POSITIVE);
            (low, high.max(low + least))
        });
        let is_wide = span.is_some_and(|(low, high)| low > 0.0 && high > 20.0 * low);
        let told_apart = |digits: usize| {
            let differ = |pair: &[f64]| {
                pair[0] == pair[1]
                    || human::significant(pair[0], digits) != human::significant(pair[1], digits)
            };
            scores.windows(2).all(differ)
        };
        let spacing = if is_wide || scope.is_by_steps() { Spacing::Log10 } else { Spacing::Linear };
        let names = span.map(|(low, high)| {
            let digits = if told_apart(3) { 3 } else { 4 };
            match scope.is_by_steps() {
                true => ("fewest".to_owned(), format!("{} x as many", human::significant(high, 2))),
                false => (human::significant(low, digits), human::significant(high, digits)),
            }
        });
        Self { spacing, span, names, digits: if told_apart(3) { 3 } else { 4 } }
    }

    fn of_score(&self, scope: &Scope<'_>, batch_size: u64, score: f64) -> Rgb {
        let Some((low, high)) = self.span else { return viridis(1.0) };
        let even = |value: f64| if self.spacing.is_log() { value.ln() } else { value };
        let score = score / reference(scope, batch_size);
        // The lowest is the lightest; the very darkest end is left out for text to stand out on.
        viridis(1.0 - 0.95 * (even(score) - even(low)) / (even(high) - even(low)))
    }

    fn ramp(&self) -> Option<Ramp> {
        let (low, high) = self.names.clone()?;
        let colors = (0..=20).map(|step| viridis(1.0 - 0.95 * f64::from(step) / 20.0)).collect();
        Some(Ramp { colors, low, high })
    }
}

/// What a score is told as a multiple of: the best of its batch size where only these compare, else itself.
fn reference(scope: &Scope<'_>, batch_size: u64) -> f64 {
    let best = scope.comparison.best_of(batch_size).filter(|_| scope.is_by_steps());
    best.map_or(1.0, |best| best.median.max(1.0))
}

/// One row a cell, under the names of `sql/cells.sql`.
pub fn cells_table(scope: &Scope<'_>) -> Table {
    let rows = scope.grid().cells.iter().map(|cell| {
        vec![
            whole(cell.batch_size),
            number(Some(cell.learning_rate)),
            number(cell.median),
            number(cell.range.map(|range| range.low)),
            number(cell.range.map(|range| range.high)),
            whole(cell.scores.len() as u64),
            whole(cell.diverged),
            whole(cell.not_finite),
            whole(cell.missed),
            whole(cell.infeasible),
            whole(cell.stopped),
            whole(cell.failed),
            whole(cell.open),
            whole(cell.skipped),
        ]
    });
    let columns = [
        ("batch_size", Integer),
        ("learning_rate", Number),
        ("median", Number),
        ("lowest", Number),
        ("highest", Number),
        ("scored", Integer),
        ("diverged", Integer),
        ("not_finite", Integer),
        ("missed", Integer),
        ("infeasible", Integer),
        ("stopped", Integer),
        ("failed", Integer),
        ("open", Integer),
        ("skipped", Integer),
    ];
    table(&columns, rows.collect())
}
