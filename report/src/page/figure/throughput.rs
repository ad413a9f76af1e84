//! Training examples in a second against the batch size.

use domain::analysis::{StepTime, Throughput};

use super::{Absent, Figure, View, number, table, whole};
use crate::human;
use crate::page::scope::Scope;
use crate::plot::{Axis, Chart, Dash, Ink, Key, Layer, Mark, Shape, Spacing, Swatch, Unit};
use crate::table::ColumnKind::{Boolean, Integer, Number};

const TITLE: &str = "Throughput against batch size";

/// The figure.
///
/// # Errors
/// Where no trial was timed.
pub fn figure(scope: &Scope<'_>) -> Result<Figure, Absent> {
    let Some(throughput) = &scope.comparison.throughput else {
        return Err(Absent::new(TITLE, "No trial took a step."));
    };
    let rows = throughput.rows.iter().map(|row| {
        vec![
            whole(row.batch_size),
            whole(row.examples_in_step),
            number(Some(row.seconds)),
            number(Some(row.range.low)),
            number(Some(row.range.high)),
            number(Some(row.examples_per_second)),
            Some(row.accumulated.to_string()),
        ]
    });
    let columns = [
        ("batch_size", Integer),
        ("examples_in_step", Integer),
        ("seconds_per_step", Number),
        ("fastest", Number),
        ("slowest", Number),
        ("examples_per_second", Number),
        ("accumulated", Boolean),
    ];
    Ok(Figure {
        id: scope.id("throughput"),
        title: TITLE.to_owned(),
        caption: caption(throughput),
        views: View::only(chart(scope, throughput)),
        table: table(&columns, rows.collect()),
        sql: scope.sql(include_str!("../sql/throughput.sql")),
    })
}

fn caption(throughput: &Throughput) -> String {
    let line = throughput.line.filter(|line| line.overhead_seconds > 0.0).map(|line| {
        format!(
            " The curve is a step time of {} + B / {} a second: from a batch of {} on, the fixed part is the smaller one.",
            Unit::Seconds.long(line.overhead_seconds),
            human::prefixed(line.examples_per_second),
            human::prefixed(line.half_saturation_batch().ceil())
        )
    });
    let accumulated = if throughput.rows.iter().any(|row| row.accumulated) {
        " A circle is a batch in several micro-batches: it computes as fast as its micro-batch, not as its batch."
    } else {
        ""
    };
    let devices =
        if throughput.device.is_none() { " Not all trials ran on the same kind of device." } else { "" };
    format!(
        "Training examples in a second, evaluations not counted; bars span learning rates and seeds. Where it levels off, the device \
         is full and a larger batch saves no time.{}{accumulated}{devices}",
        line.unwrap_or_default()
    )
}

fn chart(scope: &Scope<'_>, throughput: &Throughput) -> Chart {
    let rows = &throughput.rows;
    let rate = |row: &StepTime, seconds: f64| row.examples_in_step as f64 / seconds;
    let mut layers = Vec::new();
    if let (Some(line), Some(first), Some(last)) = (throughput.line, rows.first(), rows.last()) {
        const PLACES: u32 = 60;
        let (low, high) = (first.examples_in_step as f64, last.examples_in_step as f64);
        let sizes = (0..=PLACES).map(|place| low * (high / low).powf(f64::from(place) / f64::from(PLACES)));
        let points = sizes.map(|size| (size, size / line.seconds(size)));
        layers.push(Layer::line(points.collect(), Dash::Solid, Ink::Kind(0)));
    }
    for row in rows {
        let (x, ink) = (row.batch_size as f64, scope.ink(row.batch_size));
        if row.range.low < row.range.high {
            let ends = [row.range.low, row.range.high].map(|seconds| (x, rate(row, seconds)));
            layers.push(Layer::line(ends.to_vec(), Dash::Solid, ink));
        }
        let mark = if row.accumulated { Mark::Ring } else { Mark::Disc };
        let tip = format!(
            "batch size {}: {} examples per second, {} a step",
            row.batch_size,
            human::prefixed(row.examples_per_second),
            Unit::Seconds.long(row.seconds)
        );
        let label = Some(human::prefixed(row.examples_per_second));
        let at = (x, row.examples_per_second);
        layers.push(Layer::new(Shape::Mark { at, mark, label }, ink).tip(tip));
    }
    let mut keys = vec![Key::new(Swatch::Mark(Mark::Disc), Ink::Soft, "median, and range of trials")];
    if throughput.line.is_some() {
        keys.push(Key::new(Swatch::Line(Dash::Solid), Ink::Kind(0), "fitted step time"));
    }
    if rows.iter().any(|row| row.accumulated) {
        keys.push(Key::new(Swatch::Mark(Mark::Ring), Ink::Soft, "gradient accumulation"));
    }
    let log = Spacing::Log10;
    let ends = rows.iter().flat_map(|row| [rate(row, row.range.low), rate(row, row.range.high)]);
    Chart {
        id: scope.id("throughput"),
        title: TITLE.to_owned(),
        description: "Examples per second of each batch size; the numbers are in the table below the plot."
            .to_owned(),
        x: scope.batch_axis(scope.batch_span()),
        y: Axis::new("training examples per second", log, Unit::Count, log.span(ends, 0.12)),
        layers,
        keys,
        ramp: None,
    }
}
