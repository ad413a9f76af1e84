//! The best learning rate against the batch size, beside the two rules that people scale it by.

use super::{Absent, Figure, View, number, table, whole};
use crate::human;
use crate::page::scope::{Best, Scope};
use crate::plot::{Axis, Chart, Dash, Ink, Key, Layer, Mark, Shape, Spacing, Swatch, Unit};
use crate::table::ColumnKind::{Integer, Number};

const TITLE: &str = "Best learning rate against batch size";

/// The figure.
///
/// # Errors
/// Where fewer than two batch sizes have a best learning rate.
pub fn figure(scope: &Scope<'_>) -> Result<Figure, Absent> {
    let bests: Vec<Best> = scope.batch_sizes().into_iter().filter_map(|size| scope.best(size)).collect();
    if bests.len() < 2 {
        return Err(Absent::new(
            TITLE,
            "It needs two batch sizes with a score; list more in batch_size of [grid].",
        ));
    }
    if scope.grid.learning_rates().len() < 2 {
        let why = "There is one learning rate, so none is best. Give each batch size several.";
        return Err(Absent::new(TITLE, why));
    }
    let rows = bests.iter().map(|best| {
        vec![
            whole(best.batch_size),
            number(Some(best.learning_rate)),
            number(Some(best.score)),
            number(best.range.map(|range| range.low)),
            number(best.range.map(|range| range.high)),
        ]
    });
    let columns = [
        ("batch_size", Integer),
        ("learning_rate", Number),
        ("median", Number),
        ("lowest", Number),
        ("highest", Number),
    ];
    Ok(Figure {
        id: scope.id("best-rate"),
        title: TITLE.to_owned(),
        caption: "Two rules of thumb start at the smallest batch size: the learning rate grows with the batch (linear), or with \
                  its square root. Points that follow neither are an answer too. Bars reach to the neighbouring learning \
                  rates that were tried: the optimum lies somewhere between."
            .to_owned(),
        table: table(&columns, rows.collect()),
        views: View::only(chart(scope, &bests)),
        sql: scope.sql(include_str!("../sql/best.sql")),
    })
}

fn chart(scope: &Scope<'_>, bests: &[Best]) -> Chart {
    let span = scope.batch_span();
    let (from, to) = (bests[0], bests[bests.len() - 1]);
    let rule = |power: f64| {
        let rate = |size: f64| from.learning_rate * (size / from.batch_size as f64).powf(power);
        vec![(from.batch_size as f64, from.learning_rate), (to.batch_size as f64, rate(to.batch_size as f64))]
    };
    let mut layers = vec![
        Layer::line(rule(1.0), Dash::Dashed, Ink::Soft),
        Layer::line(rule(0.5), Dash::DashDot, Ink::Soft),
    ];
    for best in bests {
        let x = best.batch_size as f64;
        let (below, above) = neighbours(scope, best);
        let ink = scope.ink(best.batch_size);
        layers.push(Layer::line(vec![(x, below), (x, above)], Dash::Solid, ink));
    }
    let joined = bests.iter().map(|best| (best.batch_size as f64, best.learning_rate));
    layers.push(Layer::line(joined.collect(), Dash::Solid, Ink::Faint));
    for best in bests {
        let ink = if best.at_edge { Ink::Alarm } else { scope.ink(best.batch_size) };
        let rate = human::exact(best.learning_rate);
        let edge = if best.at_edge { ", at the edge of the grid" } else { "" };
        let at = (best.batch_size as f64, best.learning_rate);
        layers.push(Layer {
            shape: Shape::Mark {
                at,
                mark: if best.at_edge { Mark::Ring } else { Mark::Disc },
                label: Some(rate.clone()),
            },
            ink,
            tip: Some(format!("batch size {}: {rate}{edge}", best.batch_size)),
        });
    }
    let values = layers.iter().filter_map(|layer| match &layer.shape {
        Shape::Line { points, .. } => Some(points.iter().map(|point| point.1).collect::<Vec<f64>>()),
        _ => None,
    });
    let mut keys = vec![
        Key::new(Swatch::Line(Dash::Dashed), Ink::Soft, "linear rule"),
        Key::new(Swatch::Line(Dash::DashDot), Ink::Soft, "square-root rule"),
    ];
    if bests.iter().any(|best| best.at_edge) {
        keys.push(Key::new(Swatch::Mark(Mark::Ring), Ink::Alarm, "at the edge of the grid"));
    }
    Chart {
        id: scope.id("best-rate"),
        title: TITLE.to_owned(),
        description: "The best learning rate of each batch size, with the linear and the square-root rule from the smallest batch \
                      size on; the numbers are in the table below the plot."
            .to_owned(),
        x: scope.batch_axis(span),
        y: Axis::new("learning rate", Spacing::Log10, Unit::Plain, Spacing::Log10.span(values.flatten(), 0.07)),
        layers,
        keys,
        ramp: None,
    }
}

/// The learning rates tried next below and above the best; itself where there is none.
fn neighbours(scope: &Scope<'_>, best: &Best) -> (f64, f64) {
    let rates: Vec<f64> = scope.grid.row(best.batch_size).iter().map(|cell| cell.learning_rate).collect();
    let below = rates.iter().copied().filter(|rate| *rate < best.learning_rate).fold(f64::MIN, f64::max);
    let above = rates.iter().copied().filter(|rate| *rate > best.learning_rate).fold(f64::MAX, f64::min);
    (
        if below > 0.0 { below } else { best.learning_rate },
        if above < f64::MAX { above } else { best.learning_rate },
    )
}
