//! What a sweep would take, before anything runs.

use domain::memory::MemoryParts;

use crate::human;
use crate::results::axis_text;
use crate::sheet::{Cell, Sheet, SheetColumn, Tone};

/// A trial that could run.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRow {
    /// Place in the grid, from 0.
    pub index: u64,
    /// Examples per optimizer step.
    pub batch_size: u64,
    /// Learning rate at its full height.
    pub learning_rate: f64,
    /// The other axes, by name.
    pub axes: serde_json::Map<String, serde_json::Value>,
    /// Optimizer steps; `None` where the number of examples is not known here.
    pub steps: Option<u64>,
    /// What a worker said about it; `None` where none was asked.
    pub split: Option<PlannedSplit>,
    /// Predicted memory; `None` where nothing is known of the data. Without a split, only parts 1 to 3 of the whole
    /// batch are known and the activations are 0.
    pub memory: Option<MemoryParts>,
    /// How well the predicted peak is known.
    pub peak: PeakBasis,
    /// Why it cannot run.
    pub problem: Option<String>,
}

/// How well a predicted peak is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeakBasis {
    /// Steps of exactly this micro-batch were measured, now or by a worker before.
    Measured,
    /// Read between smaller and larger micro-batches that were measured: at most half a percent too high.
    Predicted,
    /// Not at all: no worker was asked, or nothing fits.
    Unknown,
}

impl PeakBasis {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Predicted => "predicted",
            Self::Unknown => "unknown",
        }
    }
}

/// How a batch would be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedSplit {
    /// Examples in the largest micro-batch; 0 when infeasible.
    pub micro_batch: u64,
    /// Micro-batches in a batch; 0 when infeasible.
    pub accumulation_steps: u64,
}

impl PlanRow {
    fn is_infeasible(&self) -> bool {
        self.problem.is_some() || self.split.is_some_and(|split| split.micro_batch == 0)
    }
}

/// One row a trial.
#[must_use]
pub fn sheet(rows: &[PlanRow]) -> Sheet {
    let axes: Vec<&String> = rows
        .first()
        .map(|row| {
            row.axes
                .keys()
                .filter(|name| rows.iter().any(|other| other.axes.get(*name) != row.axes.get(*name)))
        })
        .into_iter()
        .flatten()
        .collect();
    let mut columns = vec![
        SheetColumn::numbers("trial", 3),
        SheetColumn::numbers("batch\nsize", 0),
        SheetColumn::numbers("learning\nrate", 0),
    ];
    columns.extend(axes.iter().map(|axis| SheetColumn::words(&axis.replacen('_', "\n", 1), 1)));
    columns.extend([
        SheetColumn::numbers("optimizer\nsteps", 0),
        SheetColumn::numbers("micro-batch\nx steps", 0),
        SheetColumn::numbers("predicted\npeak", 0),
        SheetColumn::words("peak\nis", 2),
        SheetColumn::numbers("parameters\n+ gradients", 4),
        SheetColumn::numbers("optimizer\nstate", 5),
        SheetColumn::numbers("micro-\nbatch", 6),
        SheetColumn::numbers("activations,\nworkspace", 7),
        SheetColumn::numbers("data on\ndevice", 8),
    ]);
    Sheet { columns, rows: rows.iter().map(|row| cells(row, &axes)).collect() }.without_empty_columns()
}

fn cells(row: &PlanRow, axes: &[&String]) -> Vec<Cell> {
    let split = match row.split {
        _ if row.is_infeasible() => Cell { text: "infeasible".to_owned(), tone: Tone::Odd },
        Some(split) => format!("{} x {}", split.micro_batch, split.accumulation_steps).into(),
        None => Cell::default(),
    };
    let memory = row.memory.filter(|_| !row.is_infeasible());
    let bytes = |part: fn(&MemoryParts) -> u64| memory.as_ref().map(|parts| human::bytes(part(parts)));
    let planned = |text: Option<String>| text.filter(|_| row.split.is_some()).unwrap_or_default().into();
    let resident = memory.map(|parts| parts.resident_data_bytes).filter(|&bytes| bytes > 0).map(human::bytes);
    let head = [
        row.index.to_string().into(),
        row.batch_size.to_string().into(),
        human::exact(row.learning_rate).into(),
    ];
    let axes = axes.iter().map(|axis| axis_text(&row.axes, axis).into());
    let rest = [
        row.steps.map(|steps| steps.to_string()).unwrap_or_default().into(),
        split,
        planned(bytes(|parts| parts.total())),
        if row.is_infeasible() { Cell::default() } else { row.peak.word().to_owned().into() },
        bytes(|parts| parts.fixed.parameter_bytes + parts.fixed.gradient_bytes).unwrap_or_default().into(),
        bytes(|parts| parts.fixed.optimizer_state_bytes).unwrap_or_default().into(),
        bytes(|parts| parts.batch_bytes).unwrap_or_default().into(),
        planned(bytes(|parts| parts.activation_bytes)),
        resident.unwrap_or_default().into(),
    ];
    head.into_iter().chain(axes).chain(rest).collect()
}

/// The same rows for programs, under the names that view `result` uses.
#[must_use]
pub fn table(rows: &[PlanRow]) -> crate::Table {
    use crate::table::{Column, ColumnKind::*, Table};
    let columns = [
        ("trial_index", Integer),
        ("batch_size", Integer),
        ("learning_rate", Number),
        ("parameters", Text),
        ("steps", Integer),
        ("micro_batch", Integer),
        ("accumulation_steps", Integer),
        ("predicted_peak_memory_bytes", Integer),
        ("parameter_bytes", Integer),
        ("gradient_bytes", Integer),
        ("optimizer_state_bytes", Integer),
        ("batch_bytes", Integer),
        ("activation_bytes", Integer),
        ("resident_data_bytes", Integer),
        ("infeasible", Text),
        ("predicted_peak_basis", Text),
    ];
    let columns = columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).to_vec();
    let rows = rows.iter().map(|row| {
        let memory = row.memory;
        let split = row.split.filter(|split| split.micro_batch > 0);
        vec![
            Some(row.index.to_string()),
            Some(row.batch_size.to_string()),
            Some(row.learning_rate.to_string()),
            Some(parameters(row)),
            row.steps.map(|steps| steps.to_string()),
            split.map(|split| split.micro_batch.to_string()),
            split.map(|split| split.accumulation_steps.to_string()),
            memory.filter(|_| row.split.is_some()).map(|parts| parts.total().to_string()),
            memory.map(|parts| parts.fixed.parameter_bytes.to_string()),
            memory.map(|parts| parts.fixed.gradient_bytes.to_string()),
            memory.map(|parts| parts.fixed.optimizer_state_bytes.to_string()),
            memory.map(|parts| parts.batch_bytes.to_string()),
            memory.filter(|_| row.split.is_some()).map(|parts| parts.activation_bytes.to_string()),
            memory.map(|parts| parts.resident_data_bytes.to_string()),
            row.problem.clone(),
            Some(row.peak.word().to_owned()),
        ]
    });
    Table { columns, rows: rows.collect() }
}

fn parameters(row: &PlanRow) -> String {
    let mut all = serde_json::Map::new();
    all.insert("batch_size".to_owned(), row.batch_size.into());
    all.insert("learning_rate".to_owned(), row.learning_rate.into());
    all.extend(row.axes.clone());
    serde_json::Value::Object(all).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::Look;
    use domain::memory::StaticParts;

    fn row(index: u64, batch_size: u64, split: Option<PlannedSplit>) -> PlanRow {
        let fixed = StaticParts { parameter_bytes: 88, gradient_bytes: 88, optimizer_state_bytes: 0 };
        let memory =
            MemoryParts { fixed, batch_bytes: 48 * batch_size, activation_bytes: 0, resident_data_bytes: 0 };
        PlanRow {
            index,
            batch_size,
            learning_rate: 0.01,
            axes: serde_json::from_str(r#"{"seed":0}"#).unwrap(),
            steps: Some(3000 / batch_size),
            split,
            memory: Some(memory),
            peak: split.map_or(PeakBasis::Unknown, |_| PeakBasis::Measured),
            problem: None,
        }
    }

    #[test]
    fn a_plan_shows_splits_and_what_does_not_fit() {
        let split = |micro_batch, accumulation_steps| Some(PlannedSplit { micro_batch, accumulation_steps });
        let infeasible = PlanRow { problem: Some("1 B".to_owned()), ..row(2, 1000, split(0, 0)) };
        let rows = [row(0, 1, split(1, 1)), row(1, 1000, split(250, 4)), infeasible];
        insta::assert_snapshot!(sheet(&rows).render(Look::PLAIN), @"
               batch  learning  optimizer  micro-batch  predicted  peak       parameters  optimizer    micro-  activations,
        trial   size      rate      steps      x steps       peak  is        + gradients      state     batch     workspace
            0      1      0.01       3000        1 x 1      224 B  measured        176 B        0 B      48 B           0 B
            1   1000      0.01          3      250 x 4   47.0 KiB  measured        176 B        0 B  46.9 KiB           0 B
            2   1000      0.01          3   infeasible
        ");
    }

    #[test]
    fn without_a_worker_the_first_three_parts_are_shown() {
        insta::assert_snapshot!(sheet(&[row(0, 1, None), row(1, 1000, None)]).render(Look::PLAIN), @"
               batch  learning  optimizer  peak      parameters  optimizer    micro-
        trial   size      rate      steps  is       + gradients      state     batch
            0      1      0.01       3000  unknown        176 B        0 B      48 B
            1   1000      0.01          3  unknown        176 B        0 B  46.9 KiB
        ");
        insta::assert_snapshot!(crate::csv::render(&table(&[row(0, 1, None)])), @r#"
        trial_index,batch_size,learning_rate,parameters,steps,micro_batch,accumulation_steps,predicted_peak_memory_bytes,parameter_bytes,gradient_bytes,optimizer_state_bytes,batch_bytes,activation_bytes,resident_data_bytes,infeasible,predicted_peak_basis
        0,1,0.01,"{""batch_size"":1,""learning_rate"":0.01,""seed"":0}",3000,,,,88,88,0,48,,0,,unknown
        "#);
    }
}
