//! Training examples in a second against the batch size.

use std::collections::BTreeMap;

use domain::statistics::median;

use super::{Absent, Figure, View, number, table, whole};
use crate::human;
use crate::page::scope::Scope;
use crate::plot::{Axis, Chart, Dash, Ink, Key, Layer, Mark, Shape, Spacing, Swatch, Unit};
use crate::table::ColumnKind::{Integer, Number};
use crate::table::Table;

const TITLE: &str = "Throughput against batch size";

/// The figure.
///
/// # Errors
/// Where no trial was timed.
pub fn figure(scope: &Scope<'_>, results: &Table) -> Result<Figure, Absent> {
    let rows = rows(scope, results);
    if rows.is_empty() {
        return Err(Absent::new(TITLE, "No trial was trained to its end."));
    }
    let split = rows.iter().any(|row| row.accumulation_steps > 1);
    let accumulated = if split {
        " A circle is a batch in several micro-batches: it computes as fast as its micro-batch, not as its batch."
    } else {
        ""
    };
    let columns = [
        ("batch_size", Integer),
        ("micro_batch", Integer),
        ("accumulation_steps", Integer),
        ("median", Number),
        ("lowest", Number),
        ("highest", Number),
        ("trials", Integer),
    ];
    Ok(Figure {
        id: scope.id("throughput"),
        title: TITLE.to_owned(),
        caption: format!(
            "Training examples in a second, evaluations not counted: median and range over learning rates and seeds. Where it levels \
             off, the device is full and a larger batch saves no time.{accumulated}"
        ),
        views: View::only(chart(scope, &rows)),
        table: table(&columns, rows.iter().map(Row::cells).collect()),
        sql: scope.sql(include_str!("../sql/throughput.sql")),
    })
}

/// All trials of a batch size that were split alike.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    batch_size: u64,
    micro_batch: u64,
    accumulation_steps: u64,
    rates: Vec<f64>,
    median: f64,
}

impl Row {
    fn lowest(&self) -> f64 {
        self.rates.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn highest(&self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }

    fn cells(&self) -> Vec<Option<String>> {
        vec![
            whole(self.batch_size),
            whole(self.micro_batch),
            whole(self.accumulation_steps),
            number(Some(self.median)),
            number(Some(self.lowest())),
            number(Some(self.highest())),
            whole(self.rates.len() as u64),
        ]
    }
}

fn rows(scope: &Scope<'_>, results: &Table) -> Vec<Row> {
    let mut splits: BTreeMap<(u64, u64, u64), Vec<f64>> = BTreeMap::new();
    for row in 0..results.rows.len() {
        let whole = |name| results.whole(row, name);
        let key = || Some((whole("batch_size")?, whole("micro_batch")?, whole("accumulation_steps")?));
        let is_one = results.text(row, "status") == Some("succeeded") && scope.holds(results, row);
        let rate = results.number(row, "examples_per_second");
        if let (true, Some(key), Some(rate)) = (is_one, key(), rate) {
            splits.entry(key).or_default().push(rate);
        }
    }
    let rows = splits.into_iter().filter_map(|((batch_size, micro_batch, accumulation_steps), rates)| {
        let median = median(&rates)?;
        Some(Row { batch_size, micro_batch, accumulation_steps, rates, median })
    });
    rows.collect()
}

fn chart(scope: &Scope<'_>, rows: &[Row]) -> Chart {
    let whole_batches: Vec<_> = rows.iter().filter(|row| row.accumulation_steps == 1).collect();
    let line = whole_batches.iter().map(|row| (row.batch_size as f64, row.median)).collect();
    let mut layers = vec![Layer::strong_line(line, Ink::Faint)];
    for row in rows {
        let x = row.batch_size as f64;
        let ink = scope.ink(row.batch_size);
        if row.rates.len() > 1 {
            layers.push(Layer::line(vec![(x, row.lowest()), (x, row.highest())], Dash::Solid, ink));
        }
        let mark = if row.accumulation_steps > 1 { Mark::Ring } else { Mark::Disc };
        let tip = format!(
            "batch size {} as {} x {}: {} examples per second",
            row.batch_size,
            row.micro_batch,
            row.accumulation_steps,
            human::prefixed(row.median)
        );
        let label = Some(human::prefixed(row.median));
        layers.push(Layer::new(Shape::Mark { at: (x, row.median), mark, label }, ink).tip(tip));
    }
    let mut keys = vec![Key::new(Swatch::Mark(Mark::Disc), Ink::Soft, "median, range of trials")];
    if rows.iter().any(|row| row.accumulation_steps > 1) {
        keys.push(Key::new(Swatch::Mark(Mark::Ring), Ink::Soft, "gradient accumulation"));
    }
    let log = Spacing::Log10;
    Chart {
        id: scope.id("throughput"),
        title: TITLE.to_owned(),
        description: "Examples per second of each batch size; the numbers are in the table below the plot."
            .to_owned(),
        x: scope.batch_axis(scope.batch_span()),
        y: Axis::new(
            "training examples per second",
            log,
            Unit::Count,
            log.span(rows.iter().flat_map(|row| [row.lowest(), row.highest()]), 0.12),
        ),
        layers,
        keys,
        ramp: None,
    }
}
