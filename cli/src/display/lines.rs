//! One line as each trial ends, for logs and pipes.

use std::collections::{BTreeSet, HashSet};

use proto::v1::WatchSweepResponse;
use report::{Table, human};
use serde_json::{Map, Value};

use super::most;
use crate::talk;

/// What has been told.
#[derive(Debug, Default)]
pub struct Lines {
    told: HashSet<String>,
    /// How many there will be, as [`most`] says it.
    most: String,
    /// The axes that each line names besides batch size and learning rate; `None` before the first results.
    axes: Option<Vec<String>>,
}

impl Lines {
    /// A new state of the sweep.
    pub fn update(&mut self, state: &WatchSweepResponse) {
        self.most = most(state.sweep.as_ref());
    }

    /// How many trials have been told.
    #[must_use]
    pub fn shown(&self) -> u64 {
        self.told.len() as u64
    }

    /// Tells the trials that have ended since.
    pub fn ended(&mut self, results: &Table) {
        let axes = self.axes.get_or_insert_with(|| other_axes(results));
        for row in 0..results.rows.len() {
            let status = results.text(row, "status").unwrap_or_default();
            let index = results.text(row, "trial_index").unwrap_or_default();
            if !matches!(status, "" | "undecided" | "pending" | "running" | "skipped")
                && self.told.insert(index.to_owned())
            {
                let ended = self.told.len();
                talk::line(format_args!("[{ended}/{}] {}", self.most, line(results, row, status, axes)));
            }
        }
    }
}

/// The value of every axis of a trial.
fn parameters(results: &Table, row: usize) -> Map<String, Value> {
    results.text(row, "parameters").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Axes with several values, in the grid's order, but for batch size and learning rate, which every line names.
fn other_axes(results: &Table) -> Vec<String> {
    let all: Vec<_> = (0..results.rows.len()).map(|row| parameters(results, row)).collect();
    let Some(first) = all.first() else { return Vec::new() };
    let has_several = |axis: &String| {
        all.iter().filter_map(|values| values.get(axis)).map(Value::to_string).collect::<BTreeSet<_>>().len()
            > 1
    };
    let others = first.keys().filter(|axis| !matches!(axis.as_str(), "batch_size" | "learning_rate"));
    others.filter(|&axis| has_several(axis)).cloned().collect()
}

fn line(results: &Table, row: usize, status: &str, axes: &[String]) -> String {
    let mut line = format!(
        "batch size {}, learning rate {}",
        results.text(row, "batch_size").unwrap_or("?"),
        results.number(row, "learning_rate").map_or_else(|| "?".to_owned(), human::exact),
    );
    let values = parameters(results, row);
    for (axis, value) in axes.iter().filter_map(|axis| Some((axis, values.get(axis)?))) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line.push_str(&format!(", {} {value}", axis.replace('_', " ")));
    }
    line.push_str(&format!(": {status}"));
    if let Some(steps) = results.whole(row, "steps") {
        line.push_str(&format!(", {}", human::count(steps, "step")));
    }
    if let Some(loss) = results.number(row, "train_set_loss") {
        line.push_str(&format!(", train-set loss {}", human::significant(loss, 4)));
    }
    if let Some(accuracy) = results.number(row, "final_validation_accuracy") {
        line.push_str(&format!(", validation accuracy {}", human::percent(accuracy)));
    } else if let Some(loss) = results.number(row, "final_validation_loss") {
        line.push_str(&format!(", validation loss {}", human::significant(loss, 4)));
    }
    if let Some(seconds) = results.number(row, "train_seconds") {
        line.push_str(&format!(", {}", human::seconds(seconds)));
    }
    line
}

#[cfg(test)]
mod tests {
    use report::{Column, ColumnKind};

    use super::*;

    #[test]
    fn a_line_names_the_axes_that_have_several_values() {
        let columns = [
            ("batch_size", ColumnKind::Integer),
            ("learning_rate", ColumnKind::Number),
            ("parameters", ColumnKind::Text),
        ];
        let row = |momentum: f64, seed: u64| {
            let parameters = format!(
                r#"{{"batch_size":8,"learning_rate":0.1,"momentum":{momentum},"schedule":"cosine","seed":{seed}}}"#
            );
            vec![Some("8".to_owned()), Some("0.1".to_owned()), Some(parameters)]
        };
        let table = |rows| Table {
            columns: columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).to_vec(),
            rows,
        };
        let said = |results: &Table, row| line(results, row, "succeeded", &other_axes(results));
        let seeds = table(vec![row(0.9, 0), row(0.9, 1)]);
        assert_eq!(said(&seeds, 1), "batch size 8, learning rate 0.1, seed 1: succeeded");
        let both = table(vec![row(0.0, 3), row(0.9, 4)]);
        assert_eq!(said(&both, 1), "batch size 8, learning rate 0.1, momentum 0.9, seed 4: succeeded");
        assert_eq!(said(&table(vec![row(0.9, 5)]), 0), "batch size 8, learning rate 0.1: succeeded");
    }
}
