//! From rows of view `result` to what the analysis takes.

use domain::analysis::TrialRecord;
use domain::lifecycle::TrialStatus;
use domain::spec::Value;
use serde_json::Value as Json;

use crate::results;
use crate::table::Table;

/// The axes that are compared; all others set trials apart.
pub const COMPARED: [&str; 3] = ["batch_size", "learning_rate", "seed"];

/// One record a row, in the order of the rows; rows that lack what every trial has are left out.
#[must_use]
pub fn records(results: &Table) -> Vec<TrialRecord> {
    (0..results.rows.len()).filter_map(|row| record(results, row)).collect()
}

fn record(results: &Table, row: usize) -> Option<TrialRecord> {
    let whole = |name| results.whole(row, name);
    let number = |name| results.number(row, name);
    let text = |name| results.text(row, name).map(str::to_owned);
    let status: TrialStatus = results.text(row, "status")?.parse().ok()?;
    Some(TrialRecord {
        trial_index: whole("trial_index")?,
        axes: axes(results, row),
        optimizer: text("optimizer").unwrap_or_default(),
        device: text("device"),
        worker: text("worker"),
        micro_batch: whole("micro_batch"),
        accumulation_steps: whole("accumulation_steps"),
        accumulation: text("accumulation"),
        steps: whole("steps"),
        examples: whole("examples"),
        epochs: number("epochs"),
        train_set_loss: number("train_set_loss"),
        last_epoch_train_loss: number("last_epoch_train_loss"),
        train_loss_std: number("train_loss_std"),
        final_validation_loss: number("final_validation_loss"),
        final_validation_accuracy: number("final_validation_accuracy"),
        steps_to_target: whole("steps_to_target"),
        examples_to_target: whole("examples_to_target"),
        seconds_to_target: number("seconds_to_target"),
        train_seconds: number("train_seconds"),
        peak_memory_bytes: whole("peak_memory_bytes"),
        memory_budget_bytes: whole("memory_budget_bytes"),
        oom_count: whole("oom_count"),
        gradient_noise_scale: number("gradient_noise_scale"),
        ..TrialRecord::new(whole("batch_size")?, number("learning_rate")?, whole("seed").unwrap_or(0), status)
    })
}

/// The values of all axes but those that are compared.
#[must_use]
pub fn axes(results: &Table, row: usize) -> Vec<(String, Value)> {
    let all = results::parameters(results, row).into_iter();
    let others = all.filter(|(name, _)| !COMPARED.contains(&name.as_str()));
    others.map(|(name, json)| (name, value(&json))).collect()
}

fn value(json: &Json) -> Value {
    match json {
        Json::Bool(flag) => Value::Flag(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Integer(whole),
            (None, Some(number)) => Value::Number(number),
            (None, None) => Value::Word(number.to_string()),
        },
        Json::String(word) => Value::Word(word.clone()),
        other => Value::Word(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, ColumnKind};

    #[test]
    fn a_row_of_the_view_becomes_a_record() {
        let cells = [
            ("trial_index", Some("3")),
            ("status", Some("succeeded")),
            ("batch_size", Some("32")),
            ("learning_rate", Some("0.1")),
            ("seed", Some("7")),
            (
                "parameters",
                Some(r#"{"batch_size":32,"learning_rate":0.1,"momentum":0.9,"optimizer":"sgd","seed":7}"#),
            ),
            ("steps", Some("96")),
            ("train_set_loss", Some("NaN")),
            ("final_validation_loss", None),
        ];
        let table = Table {
            columns: cells
                .iter()
                .map(|(name, _)| Column { name: (*name).to_owned(), kind: ColumnKind::Text })
                .collect(),
            rows: vec![cells.iter().map(|(_, cell)| cell.map(str::to_owned)).collect()],
        };
        let record = &records(&table)[0];
        assert_eq!((record.trial_index, record.batch_size, record.seed), (3, 32, 7));
        assert_eq!((record.steps, record.train_set_loss), (Some(96), None));
        let axes = [
            ("momentum".to_owned(), Value::Number(0.9)),
            ("optimizer".to_owned(), Value::Word("sgd".to_owned())),
        ];
        assert_eq!(record.axes, axes);
    }
}
