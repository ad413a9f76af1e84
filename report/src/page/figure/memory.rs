//! Peak memory in its parts against the batch size.

use super::tiles::tiles;
use super::{Absent, Figure, View, table};
use crate::human;
use crate::page::scope::Scope;
use crate::plot::{Axis, Chart, Dash, Ink, Key, Layer, Mark, Shape, Spacing, Swatch, Unit};
use crate::table::ColumnKind::Integer;
use crate::table::Table;

const TITLE: &str = "Peak memory against batch size";

/// The parts from bottom to top: their column and their name.
const PARTS: [(&str, &str); 5] = [
    ("parameter_and_gradient_bytes", "1 parameters + gradients"),
    ("optimizer_state_bytes", "2 optimizer state"),
    ("batch_bytes", "3 micro-batch"),
    ("activation_bytes", "4 activations, workspace"),
    ("resident_data_bytes", "data on the device"),
];

/// Which of them is the data.
const DATA: usize = 4;

/// The figure.
///
/// # Errors
/// Where no trial told its memory.
pub fn figure(scope: &Scope<'_>, results: &Table, workers: &Table) -> Result<Figure, Absent> {
    let rows = rows(scope, results, workers);
    if rows.iter().all(|row| row.peak.is_none()) {
        return Err(Absent::new(TITLE, "No trial ended with a measured peak."));
    }
    let split = rows.iter().any(|row| row.accumulation_steps.is_some_and(|steps| steps > 1));
    let accumulated = if split {
        " Where a batch is trained in several micro-batches, a circle stands over its bar: memory stays level there and the gradient \
         is the whole batch's."
    } else {
        ""
    };
    let columns = [
        "batch_size",
        "micro_batch",
        "accumulation_steps",
        "parameter_and_gradient_bytes",
        "optimizer_state_bytes",
        "batch_bytes",
        "activation_bytes",
        "resident_data_bytes",
        "peak_memory_bytes",
        "limit_bytes",
    ];
    Ok(Figure {
        id: scope.id("memory"),
        title: TITLE.to_owned(),
        caption: format!(
            "The largest peak of any trial of a batch size, in the four parts that the model and the batch need, and the training \
             data kept on the device.{accumulated}"
        ),
        views: views(scope, &rows),
        table: table(&columns.map(|name| (name, Integer)), rows.iter().map(Row::cells).collect()),
        sql: scope.sql(include_str!("../sql/memory.sql")),
    })
}

/// The trial of a batch size with the largest peak.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    batch_size: u64,
    micro_batch: Option<u64>,
    accumulation_steps: Option<u64>,
    parts: [Option<u64>; 5],
    peak: Option<u64>,
    limit: Option<u64>,
}

impl Row {
    /// The same without the data on the device, for which the limit is not told.
    fn without_data(&self) -> Self {
        let mut parts = self.parts;
        let data = parts[DATA].take().unwrap_or(0);
        Self { parts, peak: self.peak.map(|peak| peak.saturating_sub(data)), limit: None, ..self.clone() }
    }

    fn cells(&self) -> Vec<Option<String>> {
        let head = [Some(self.batch_size), self.micro_batch, self.accumulation_steps];
        let all = head.into_iter().chain(self.parts).chain([self.peak, self.limit]);
        all.map(|value| value.map(|value| value.to_string())).collect()
    }
}

fn rows(scope: &Scope<'_>, results: &Table, workers: &Table) -> Vec<Row> {
    let is_result =
        |row: &usize| matches!(results.text(*row, "status"), Some("succeeded" | "diverged" | "infeasible"));
    let mut rows: Vec<(u64, Row)> = scope
        .rows(results)
        .into_iter()
        .filter(is_result)
        .filter_map(|row| {
            let whole = |name| results.whole(row, name);
            let first = whole("parameter_bytes").zip(whole("gradient_bytes"));
            let parts = [
                first.map(|(parameters, gradients)| parameters + gradients),
                whole("optimizer_state_bytes"),
                whole("batch_bytes"),
                whole("activation_bytes"),
                whole("resident_data_bytes"),
            ];
            let found = Row {
                batch_size: whole("batch_size")?,
                micro_batch: whole("micro_batch"),
                accumulation_steps: whole("accumulation_steps"),
                parts,
                peak: whole("peak_memory_bytes"),
                limit: whole("memory_budget_bytes")
                    .or_else(|| device_limit(results.text(row, "worker")?, workers)),
            };
            Some((whole("trial_index")?, found))
        })
        .collect();
    rows.sort_by_key(|(index, row)| {
        (row.batch_size, row.peak.is_none(), std::cmp::Reverse(row.peak), *index)
    });
    rows.dedup_by_key(|(_, row)| row.batch_size);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The limit of a worker, else all of its device's memory.
fn device_limit(worker: &str, workers: &Table) -> Option<u64> {
    let row = (0..workers.rows.len()).find(|&row| workers.text(row, "worker") == Some(worker))?;
    workers.whole(row, "memory_limit_bytes").or_else(|| workers.whole(row, "memory_bytes"))
}

/// All of it; where the data on the device would press the other parts flat, these once more without it.
fn views(scope: &Scope<'_>, rows: &[Row]) -> Vec<View> {
    let data = rows.iter().filter_map(|row| row.parts[DATA]).max().unwrap_or(0);
    let highest = rows.iter().filter_map(|row| row.peak).max().unwrap_or(0);
    let all = chart(scope, rows, "memory", "peak memory");
    if 2 * data <= highest {
        return View::only(all);
    }
    let without: Vec<Row> = rows.iter().map(Row::without_data).collect();
    let parts = chart(scope, &without, "memory-parts", "peak memory without the data on the device");
    vec![
        View { label: "everything".to_owned(), chart: all },
        View { label: "without the data".to_owned(), chart: parts },
    ]
}

fn chart(scope: &Scope<'_>, rows: &[Row], id: &str, label: &str) -> Chart {
    let sizes: Vec<f64> = rows.iter().map(|row| row.batch_size as f64).collect();
    let columns: Vec<(f64, f64)> = tiles(&sizes);
    let highest = rows.iter().filter_map(|row| row.peak).max().unwrap_or(1) as f64;
    let limit = rows.iter().filter_map(|row| row.limit).min();
    // A limit far above the bars would press them flat: then it is told, not drawn, unless something ran into it.
    let is_near = |limit: u64| (limit as f64) < 3.0 * highest || rows.iter().any(|row| row.peak.is_none());
    let drawn = limit.filter(|&limit| is_near(limit));
    let top = drawn.map_or(highest, |limit| highest.max(limit as f64)) * 1.12;
    let mut layers = Vec::new();
    for (row, &column) in rows.iter().zip(&columns) {
        layers.extend(bar(row, narrowed(row.batch_size as f64, column), top));
    }
    if let Some(limit) = drawn {
        let label = Some(format!("limit {}", human::bytes(limit)));
        layers.push(Layer::new(Shape::Across { y: limit as f64, dash: Dash::Dashed, label }, Ink::Alarm));
    }
    let used = |part: usize| rows.iter().any(|row| row.parts[part].is_some_and(|bytes| bytes > 0));
    let parts = PARTS.iter().enumerate().filter(|(part, _)| used(*part));
    let mut keys: Vec<Key> =
        parts.map(|(part, (_, name))| Key::new(Swatch::Block, Ink::Kind(part), *name)).collect();
    if rows.iter().any(|row| row.accumulation_steps.is_some_and(|steps| steps > 1)) {
        keys.push(Key::new(Swatch::Mark(Mark::Ring), Ink::Text, "gradient accumulation"));
    }
    if rows.iter().any(|row| row.peak.is_none()) {
        keys.push(Key::new(Swatch::Mark(Mark::Cross), Ink::Alarm, "did not fit"));
    }
    let far = limit.filter(|_| drawn.is_none());
    let label = match far {
        Some(limit) => format!("{label} (limit {}, far above)", human::bytes(limit)),
        None => label.to_owned(),
    };
    let ends = Spacing::Log2.span(columns.iter().flat_map(|(low, high)| [*low, *high]), 0.02);
    Chart {
        id: scope.id(id),
        title: TITLE.to_owned(),
        description:
            "One bar for each batch size, in its parts; the numbers are in the table below the plot."
                .to_owned(),
        x: scope.batch_axis(ends),
        y: Axis::new(&label, Spacing::Linear, Unit::Bytes, (0.0, top)),
        layers,
        keys,
        ramp: None,
    }
}

fn bar(row: &Row, x: (f64, f64), top: f64) -> Vec<Layer> {
    let middle = row.batch_size as f64;
    let Some(peak) = row.peak else {
        let tip = format!("batch size {}: not even one example at a time fits", row.batch_size);
        return vec![Layer::mark((middle, 0.04 * top), Mark::Cross, Ink::Alarm).tip(tip)];
    };
    let mut from = 0.0;
    let mut layers = Vec::new();
    for (part, bytes) in row.parts.iter().enumerate().filter_map(|(part, bytes)| Some((part, (*bytes)?))) {
        let to = from + bytes as f64;
        let tip = format!("batch size {}: {} {}", row.batch_size, PARTS[part].1, human::bytes(bytes));
        if bytes > 0 {
            let cell = Shape::Cell { x, y: (from, to), label: None, star: None };
            layers.push(Layer::new(cell, Ink::Kind(part)).tip(tip));
        }
        from = to;
    }
    if let (Some(micro_batch), Some(steps @ 2..)) = (row.micro_batch, row.accumulation_steps) {
        let tip = format!("batch size {} in {steps} micro-batches of up to {micro_batch}", row.batch_size);
        let at = (middle, peak as f64 + 0.045 * top);
        layers.push(Layer::mark(at, Mark::Ring, Ink::Text).tip(tip));
    }
    layers
}

/// Two thirds of a column, its batch size in the middle.
fn narrowed(size: f64, (low, high): (f64, f64)) -> (f64, f64) {
    let half = (size / low).min(high / size).powf(2.0 / 3.0);
    (size / half, size * half)
}
