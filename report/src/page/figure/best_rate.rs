//! The best learning rate against the batch size, beside the two rules that people scale it by.

use domain::analysis::{BestRate, rate_slope};

use super::{Absent, Figure, View, number, table, whole};
use crate::human;
use crate::page::scope::Scope;
use crate::plot::{Axis, Chart, Dash, Ink, Key, Layer, Mark, Shape, Spacing, Swatch, Unit};
use crate::table::ColumnKind::{Integer, Number};

const TITLE: &str = "Best learning rate against batch size";

/// The figure.
///
/// # Errors
/// Where fewer than two batch sizes have a best learning rate.
pub fn figure(scope: &Scope<'_>) -> Result<Figure, Absent> {
    let bests = &scope.comparison.best;
    if bests.len() < 2 {
        return Err(Absent::new(
            TITLE,
            "It needs two batch sizes with a score; list more in `batch_size` of `[grid]`.",
        ));
    }
    if scope.grid().learning_rates().len() < 2 {
        let why = "There is one learning rate, so none is best. Give each batch size several.";
        return Err(Absent::new(TITLE, why));
    }
    let rows = bests.iter().map(|best| {
        let (below, above) = neighbours(scope, best);
        vec![
            whole(best.batch_size),
            number(Some(best.learning_rate)),
            number(below),
            number(above),
            number(Some(best.median)),
            number(Some(best.range.low)),
            number(Some(best.range.high)),
        ]
    });
    let columns = [
        ("batch_size", Integer),
        ("learning_rate", Number),
        ("next_smaller", Number),
        ("next_larger", Number),
        ("median", Number),
        ("lowest", Number),
        ("highest", Number),
    ];
    Ok(Figure {
        id: scope.id("best-rate"),
        title: TITLE.to_owned(),
        caption: format!(
            "Two rules of thumb start at the smallest batch size: the learning rate grows with the batch (linear), or with its \
             square root. Bars reach to the next rates that were tried: the optimum lies within.{}",
            slope(scope)
        ),
        table: table(&columns, rows.collect()),
        views: View::only(chart(scope, bests)),
        sql: scope.sql(include_str!("../sql/best.sql")),
    })
}

/// How the rate grows, where that can be told.
fn slope(scope: &Scope<'_>) -> String {
    let Some(slope) = scope.comparison.rate_slopes.all else {
        return " Too few of these points are no bounds to tell how the rate grows.".to_owned();
    };
    let rules = [(rate_slope::LINEAR, "the linear rule"), (rate_slope::SQUARE_ROOT, "the square-root rule")];
    let agreeing: Vec<&str> =
        rules.into_iter().filter(|(rule, _)| slope.agrees_with(*rule)).map(|(_, name)| name).collect();
    let agrees = match agreeing[..] {
        [] => "neither rule".to_owned(),
        [one] => format!("{one} and not the other"),
        _ => "both rules, so it does not tell them apart".to_owned(),
    };
    let [power, low, high] =
        [slope.slope, slope.interval.low, slope.interval.high].map(|number| human::significant(number, 2));
    format!(
        " Here it grows as the batch size to the power {power} (95 %: {low} to {high}), which agrees with {agrees}."
    )
}

fn chart(scope: &Scope<'_>, bests: &[BestRate]) -> Chart {
    let span = scope.batch_span();
    let (from, to) = (&bests[0], &bests[bests.len() - 1]);
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
        let ends = [below, above].map(|end| (x, end.unwrap_or(best.learning_rate)));
        layers.push(Layer::line(ends.to_vec(), Dash::Solid, ink));
    }
    let joined = bests.iter().map(|best| (best.batch_size as f64, best.learning_rate));
    layers.push(Layer::line(joined.collect(), Dash::Solid, Ink::Faint));
    for best in bests {
        let ink = if best.edge.is_some() { Ink::Alarm } else { scope.ink(best.batch_size) };
        let rate = human::exact(best.learning_rate);
        let edge = if best.edge.is_some() { ", at the edge of the grid" } else { "" };
        let at = (best.batch_size as f64, best.learning_rate);
        layers.push(Layer {
            shape: Shape::Mark {
                at,
                mark: if best.edge.is_some() { Mark::Ring } else { Mark::Disc },
                label: Some(Unit::Rate.short(best.learning_rate)),
            },
            ink,
            tip: Some(format!("batch size {}: {rate}{edge}", best.batch_size)),
            link: None,
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
    if bests.iter().any(|best| best.edge.is_some()) {
        keys.push(Key::new(Swatch::Mark(Mark::Ring), Ink::Alarm, "at the edge of the grid"));
    }
    Chart {
        id: scope.id("best-rate"),
        title: TITLE.to_owned(),
        description: "The best learning rate of each batch size, with the linear and the square-root rule from the smallest batch \
                      size on; the numbers are in the table below the plot."
            .to_owned(),
        x: scope.batch_axis(span),
        y: Axis::new("learning rate", Spacing::Log10, Unit::Rate, Spacing::Log10.span(values.flatten(), 0.07)),
        layers,
        keys,
        ramp: None,
    }
}

/// The learning rates tried next below and above the best.
fn neighbours(scope: &Scope<'_>, best: &BestRate) -> (Option<f64>, Option<f64>) {
    let row = scope.grid().row(best.batch_size);
    let at = row.iter().position(|cell| cell.learning_rate == best.learning_rate);
    let rate = |at: Option<usize>| Some(row.get(at?)?.learning_rate);
    (rate(at.and_then(|at| at.checked_sub(1))), rate(at.map(|at| at + 1)))
}
