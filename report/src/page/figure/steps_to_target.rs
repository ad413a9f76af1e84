//! Optimizer steps to the target against the batch size (Shallue et al. 2019).

use domain::analysis::critical::Gap;
use domain::analysis::{CriticalBatchSize, Hyperbola, Reach, TargetRow, Verdict};
use domain::spec::Target;

use super::{Absent, Figure, View, number, table, whole};
use crate::human;
use crate::page::scope::Scope;
use crate::plot::{Axis, Chart, Dash, Ink, Key, Layer, Mark, Shape, Spacing, Swatch, Unit};
use crate::table::ColumnKind::{Integer, Number};
use crate::table::Table;

const TITLE: &str = "Steps to the target against batch size";

/// The figure.
///
/// # Errors
/// Without a target, and where no trial met it.
pub fn figure(scope: &Scope<'_>) -> Result<Figure, Absent> {
    let (target, rows) = rows(scope, TITLE)?;
    let critical = scope.comparison.critical.as_ref();
    let missed = if rows.iter().any(|row| row.steps.median().is_none()) {
        " An open triangle is a batch size that never met it: more steps than that, how many is not known."
    } else {
        ""
    };
    Ok(Figure {
        id: scope.id("steps-to-target"),
        title: TITLE.to_owned(),
        caption: format!(
            "Optimizer steps until {}, at the learning rate that needs the fewest. Along the dotted line twice the batch halves \
             the steps; where points leave it, larger batches cost more examples than they save.{}{missed}",
            target_words(target),
            critical.map(curve_words).unwrap_or_default()
        ),
        views: View::only(chart(scope, rows, critical)),
        table: target_table(rows),
        sql: scope.sql(include_str!("../sql/target.sql")),
    })
}

/// The target and what each batch size needs to it.
pub fn rows<'a>(scope: &Scope<'a>, title: &str) -> Result<(Target, &'a [TargetRow]), Absent> {
    let Some(target) = scope.comparison.target else {
        let why = "No target was set. With `target = { metric = \"validation_error\", below = 0.15 }` in `[train]` every trial tells \
                   when it got there.";
        return Err(Absent::new(title, why));
    };
    let rows = &scope.comparison.to_target;
    if rows.iter().all(|row| row.steps.median().is_none()) {
        let words = target_words(target);
        return Err(Absent::new(title, &format!("At no batch size did half of the seeds come to {words}.")));
    }
    Ok((target, rows))
}

/// The target in words: `validation error below 0.15`.
pub fn target_words(target: Target) -> String {
    format!("{} below {}", target.metric.word().replace('_', " "), human::exact(target.below))
}

/// The curve, and what it says of the critical batch size.
fn curve_words(critical: &CriticalBatchSize) -> String {
    let Some(fit) = critical.fit else {
        return " Three batch sizes that meet the target are needed for a curve through them.".to_owned();
    };
    let about = |number: f64| human::prefixed(human::significant(number, 3).parse().unwrap_or(number));
    let curve =
        format!(" The curve is S(B) = {} + {} / B.", about(fit.least_steps), about(fit.least_examples));
    let verdict = match critical.verdict {
        Verdict::Identified { critical_batch_size } => {
            let interval = critical.interval.map_or_else(String::new, |interval| {
                format!(" (95 %: {} to {})", about(interval.low), about(interval.high))
            });
            format!(
                " It bends at the critical batch size {}{interval}: there both steps and examples are twice their least.",
                about(critical_batch_size)
            )
        }
        Verdict::NotIdentified { why, .. } => {
            let lacks = match why {
                Gap::TooFewBatchSizes => "fewer than three batch sizes met the target",
                Gap::SmallBatches => {
                    "the grid lacks smaller batch sizes, where steps halve as the batch doubles"
                }
                Gap::LargeBatches => "the grid lacks larger batch sizes, where steps stay level",
                Gap::Both => "the grid lacks both smaller and larger batch sizes",
                Gap::MissedTarget => "a batch size missed the target that should have met it",
            };
            format!(" The critical batch size is not identified: {lacks}.")
        }
    };
    format!("{curve}{verdict}")
}

fn chart(scope: &Scope<'_>, rows: &[TargetRow], critical: Option<&CriticalBatchSize>) -> Chart {
    let fit = critical.and_then(|critical| critical.fit.as_ref());
    let span = scope.batch_span();
    let (mut layers, mut values) = (Vec::new(), Vec::new());
    let perfect: Vec<_> =
        rows.iter().filter_map(|row| Some((row.batch_size as f64, row.perfect_steps?))).collect();
    layers.push(Layer::line(perfect, Dash::Dotted, Ink::Soft));
    if let Some(fit) = fit {
        let curve = fitted(rows, fit);
        values.extend(curve.iter().map(|point| point.1));
        layers.push(Layer::line(curve, Dash::Solid, Ink::Kind(0)));
    }
    if let Some(Verdict::Identified { critical_batch_size }) = critical.map(|critical| critical.verdict) {
        let label = Some(format!("critical batch size {}", human::prefixed(critical_batch_size.round())));
        layers.push(Layer::new(
            Shape::Down { x: critical_batch_size, dash: Dash::Dashed, label },
            Ink::Kind(0),
        ));
    }
    for row in rows {
        let x = row.batch_size as f64;
        let ink = scope.ink(row.batch_size);
        match row.steps {
            Reach::Reached { median, low, high } => {
                values.extend([median, low]);
                values.extend(high);
                if let Some(high) = high.filter(|high| *high > low) {
                    layers.push(Layer::line(vec![(x, low), (x, high)], Dash::Solid, ink));
                }
                let mark = Shape::Mark { at: (x, median), mark: Mark::Disc, label: None };
                layers.push(Layer::new(mark, ink).tip(tip(row, median)));
            }
            Reach::NotReached { above: Some(above) } => {
                values.push(above);
                let tip =
                    format!("batch size {}: more than {} steps", row.batch_size, human::prefixed(above));
                layers.push(Layer::mark((x, above), Mark::Up, Ink::Alarm).tip(tip));
            }
            Reach::NotReached { above: None } => {}
        }
    }
    let mut keys = vec![
        Key::new(Swatch::Mark(Mark::Disc), Ink::Soft, "median over seeds"),
        Key::new(Swatch::Line(Dash::Dotted), Ink::Soft, "perfect scaling"),
    ];
    if fit.is_some() {
        keys.push(Key::new(Swatch::Line(Dash::Solid), Ink::Kind(0), "fit of S_min + E_min / B"));
    }
    if rows.iter().any(|row| matches!(row.steps, Reach::NotReached { above: Some(_) })) {
        keys.push(Key::new(Swatch::Mark(Mark::Up), Ink::Alarm, "not met: more than this"));
    }
    Chart {
        id: scope.id("steps-to-target"),
        title: TITLE.to_owned(),
        description: "Steps to the target of each batch size, with the line of perfect scaling; the numbers are in the table below the \
                      plot."
            .to_owned(),
        x: scope.batch_axis(span),
        y: Axis::new("optimizer steps", Spacing::Log2, Unit::Count, Spacing::Log2.span(values, 0.1)),
        layers,
        keys,
        ramp: None,
    }
}

fn tip(row: &TargetRow, median: f64) -> String {
    let rate = row.learning_rate.map(human::exact).unwrap_or_default();
    format!(
        "batch size {}, learning rate {rate}: {} steps; {} of {} seeds met the target",
        row.batch_size,
        human::prefixed(median),
        row.reached,
        row.tried
    )
}

/// The curve between the smallest and the largest batch size.
fn fitted(rows: &[TargetRow], fit: &Hyperbola) -> Vec<(f64, f64)> {
    const PLACES: u32 = 60;
    let sizes = || rows.iter().map(|row| row.examples_in_step as f64);
    let (low, high) = (sizes().fold(f64::MAX, f64::min), sizes().fold(1.0, f64::max));
    let place = |index: u32| low * (high / low).powf(f64::from(index) / f64::from(PLACES));
    let mut curve: Vec<(f64, f64)> = (0..=PLACES).map(place).map(|size| (size, fit.steps(size))).collect();
    // A batch larger than the training set is the training set.
    if let Some(largest) = rows.last().map(|row| row.batch_size as f64).filter(|&largest| largest > high) {
        curve.push((largest, fit.steps(high)));
    }
    curve
}

/// What each batch size needs, as a table.
pub fn target_table(rows: &[TargetRow]) -> Table {
    let above = |reach: &Reach| match *reach {
        Reach::NotReached { above } => above,
        Reach::Reached { .. } => None,
    };
    let rows = rows.iter().map(|row| {
        let met = row.learning_rate.is_some();
        vec![
            whole(row.batch_size),
            number(row.learning_rate),
            number(row.steps.median()),
            number(row.examples.median()),
            number(row.seconds.median()),
            whole(row.reached).filter(|_| met),
            whole(row.tried).filter(|_| met),
            number(above(&row.steps)),
            number(above(&row.examples)),
        ]
    });
    let columns = [
        ("batch_size", Integer),
        ("learning_rate", Number),
        ("steps", Number),
        ("examples", Number),
        ("seconds", Number),
        ("reached", Integer),
        ("tried", Integer),
        ("more_than_steps", Integer),
        ("more_than_examples", Integer),
    ];
    table(&columns, rows.collect())
}
