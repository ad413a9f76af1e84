//! The score against the learning rate, one curve a batch size.

use domain::analysis::CellState;

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
        // Joined only between neighbours that both have a score.
        for run in row.split(|cell| cell.median.is_none()) {
            let points: Vec<_> =
                run.iter().filter_map(|cell| Some((cell.learning_rate, cell.median?))).collect();
            let band: Vec<_> = run
                .iter()
                .filter_map(|cell| cell.range.map(|range| (cell.learning_rate, range.low, range.high)))
                .collect();
            if has_bands && run.iter().any(|cell| cell.scores.len() > 1) {
                layers.push(Layer::new(Shape::Band(band), ink));
            }
            layers.push(Layer::strong_line(points, ink));
        }
        for cell in &row {
            let at = cell.median.map(|median| (cell.learning_rate, median));
            let tip = |score: &str| {
                format!("batch size {size}, learning rate {}: {score}", human::exact(cell.learning_rate))
            };
            match at {
                Some(at) => {
                    let tip = tip(&scope.score_text(at.1, 4));
                    marks.push(Layer::mark(at, Mark::Disc, ink).tip(tip));
                }
                None if cell.state() == CellState::Diverged => {
                    let top = (cell.learning_rate, span.1);
                    marks.push(Layer::mark(top, Mark::Cross, ink).tip(tip("diverged")));
                }
                None if cell.missed > 0 => {
                    let top = (cell.learning_rate, span.1);
                    marks.push(Layer::mark(top, Mark::Up, ink).tip(tip("missed the target")));
                }
                None => {}
            }
        }
        if row
            .iter()
            .any(|cell| matches!(cell.state(), CellState::Scored | CellState::Diverged | CellState::Missed))
        {
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
