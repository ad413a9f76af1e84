//! The score against the learning rate, one curve a batch size.

use domain::analysis::{Cell, CellState};

use super::heatmap::cells_table;
use super::{Absent, Figure, View};
use crate::human;
use crate::page::scope::Scope;
use crate::plot::{Axis, Chart, Dash, Ink, Key, Layer, Mark, Shape, Spacing, Swatch, Unit};

const TITLE: &str = "Score against learning rate";

/// The figure.
///
/// # Errors
/// Where no cell has a score, or there is one learning rate only.
pub fn figure(scope: &Scope<'_>) -> Result<Figure, Absent> {
    if scope.scored().next().is_none() {
        return Err(Absent::new(TITLE, "No trial ended with a score."));
    }
    if scope.grid().learning_rates().len() < 2 {
        let why = "There is one learning rate. Give each batch size several: `learning_rate = { from = 0.001, to = 1.0, count = 7 }` \
                   in `[grid]`.";
        return Err(Absent::new(TITLE, why));
    }
    let band = if has_bands(scope) { " The band spans the seeds." } else { "" };
    let any = |state: CellState| scope.grid().cells.iter().any(|cell| cell.state() == state);
    let crosses = if any(CellState::Diverged) {
        " Crosses at the top are learning rates at which half of the seeds or more diverged."
    } else {
        ""
    };
    let triangles = if any(CellState::Missed) {
        " Triangles at the top are rates at which they missed the target."
    } else {
        ""
    };
    Ok(Figure {
        id: scope.id("loss-by-rate"),
        title: TITLE.to_owned(),
        caption: format!(
            "{} at each learning rate. A wide valley forgives a badly chosen rate; a star is the best of a \
             batch size.{band}{crosses}{triangles}",
            scope.score_phrase()
        ),
        views: View::only(chart(scope)),
        table: cells_table(scope),
        sql: scope.sql(include_str!("../sql/cells.sql")),
    })
}

/// Whether the range of the seeds is drawn: bands of many batch sizes would add up to a wall that hides the lines.
fn has_bands(scope: &Scope<'_>) -> bool {
    const MOST: usize = 6;
    scope.batch_sizes().len() <= MOST && scope.scored().any(|(cell, _)| cell.scores.len() > 1)
}

fn chart(scope: &Scope<'_>) -> Chart {
    let scores = || {
        scope.scored().flat_map(|(cell, median)| {
            let ends = cell.range.into_iter().flat_map(|range| [range.low, range.high]);
            ends.chain([median])
        })
    };
    let (low, high) = scores()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| (low.min(score), high.max(score)));
    let spacing = if low > 0.0 && high > 5.0 * low { Spacing::Log10 } else { Spacing::Linear };
    let span = spacing.span(scores(), 0.07);
    let unit = if scope.is_by_steps() { Unit::Count } else { Unit::Plain };
    let has_bands = has_bands(scope);
    let (mut layers, mut marks, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for size in scope.batch_sizes() {
        let ink = scope.ink(size);
        let row = scope.grid().row(size);
        layers.extend(curve(&row, ink, has_bands));
        marks.extend(row.iter().filter_map(|cell| mark(scope, cell, span.1)));
        let is_drawn = |cell: &&Cell| {
            matches!(cell.state(), CellState::Scored | CellState::Diverged | CellState::Missed)
        };
        if row.iter().any(is_drawn) {
            keys.push(Key::new(Swatch::Line(Dash::Solid), ink, format!("{size}")));
        }
    }
    for best in scope.comparison.best.iter().filter(|best| best.is_best_of_row()) {
        let ink = if best.edge.is_some() { Ink::Alarm } else { Ink::Text };
        marks.push(Layer::mark((best.learning_rate, best.median), Mark::Star, ink));
    }
    if let Some(first) = keys.first_mut() {
        first.label = format!("batch size {}", first.label);
    }
    layers.extend(marks);
    Chart {
        id: scope.id("loss-by-rate"),
        title: format!("{} against learning rate, by batch size", scope.score_phrase()),
        description: "One line for each batch size; the numbers are in the table below the plot.".to_owned(),
        x: Axis::new(
            "learning rate",
            Spacing::Log10,
            Unit::Rate,
            Spacing::Log10.span(scope.grid().learning_rates(), 0.04),
        ),
        y: Axis::new(scope.grid().metric.name(), spacing, unit, span),
        layers,
        keys,
        ramp: None,
    }
}

/// The lines and bands of one batch size, joined only between neighbours that both have a score.
fn curve(row: &[&Cell], ink: Ink, has_bands: bool) -> Vec<Layer> {
    let mut layers = Vec::new();
    for run in row.split(|cell| cell.median.is_none()) {
        let points: Vec<_> = run.iter().filter_map(|cell| Some((cell.learning_rate, cell.median?))).collect();
        if has_bands && run.iter().any(|cell| cell.scores.len() > 1) {
            let ranges = run.iter().filter_map(|cell| Some((cell.learning_rate, cell.range?)));
            let band = ranges.map(|(rate, range)| (rate, range.low, range.high)).collect();
            layers.push(Layer::new(Shape::Band(band), ink));
        }
        layers.push(Layer::strong_line(points, ink));
    }
    layers
}

/// A cell at its score, or at the top where it has none; `None` for one that nobody has finished.
fn mark(scope: &Scope<'_>, cell: &Cell, top: f64) -> Option<Layer> {
    let (height, form, outcome) = match cell.median {
        Some(median) => (median, Mark::Disc, scope.score_text(median, 4)),
        None if cell.state() == CellState::Diverged => (top, Mark::Cross, "diverged".to_owned()),
        None if cell.missed > 0 => (top, Mark::Up, "missed the target".to_owned()),
        None => return None,
    };
    let (size, rate) = (cell.batch_size, cell.learning_rate);
    let tip = format!("batch size {size}, learning rate {}: {outcome}", human::exact(rate));
    Some(Layer::mark((rate, height), form, scope.ink(size)).tip(tip))
}
