//! Rows of view `result` as the records that `domain::analysis` reads.

use domain::analysis::TrialRecord;
use domain::spec::Value;
use serde_json::Value as Json;

use crate::results;
use crate::table::Table;

/// One record a row, in the table's order; rows without a status, batch size or learning rate are no trials.
#[must_use]
pub fn records(results: &Table) -> Vec<TrialRecord> {
    (0..results.rows.len()).filter_map(|row| record(results, row)).collect()
}

fn record(results: &Table, row: usize) -> Option<TrialRecord> {
    let whole = |name: &str| results.whole(row, name);
    let number = |name: &str| results.number(row, name);
    let text = |name: &str| results.text(row, name).map(str::to_owned);
    let parameters = results::parameters(results, row);
    let compared = ["batch_size", "learning_rate", "seed"];
    let axes = parameters.into_iter().filter(|(name, _)| !compared.contains(&name.as_str()));
    Some(TrialRecord {
        trial_index: whole("trial_index").unwrap_or(row as u64),
        status: results.text(row, "status")?.parse().ok()?,
        batch_size: whole("batch_size")?,
        learning_rate: number("learning_rate")?,
        seed: whole("seed").unwrap_or(0),
        axes: axes.map(|(name, json)| (name, value(json))).collect(),
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
        steps_between_evaluations: None,
        train_seconds: number("train_seconds"),
        peak_memory_bytes: whole("peak_memory_bytes"),
        memory_budget_bytes: whole("memory_budget_bytes"),
        gradient_noise_scale: number("gradient_noise_scale"),
        seed_sets: results.text(row, "seed_sets").and_then(|words| words.parse().ok()),
        data_sha256: results.text(row, "data_sha256").and_then(|hash| hash.parse().ok()),
    })
}

/// The value of an axis, as the sweep file would type it.
fn value(json: Json) -> Value {
    match json {
        Json::Bool(flag) => Value::Flag(flag),
        Json::String(word) => Value::Word(word),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        other => Value::Word(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, ColumnKind};
    use domain::lifecycle::TrialStatus;

    fn table(columns: &[&str], rows: &[&[&str]]) -> Table {
        let cell = |text: &&str| Some((*text).to_owned()).filter(|text| !text.is_empty());
        Table {
            columns: columns
                .iter()
                .map(|name| Column { name: (*name).to_owned(), kind: ColumnKind::Text })
                .collect(),
            rows: rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
        }
    }

    #[test]
    fn a_row_becomes_a_record_and_null_stays_unknown() {
        let parameters =
            r#"{"batch_size":8,"learning_rate":0.1,"optimizer":"adam","momentum":0.9,"steps":5,"seed":3}"#;
        let table = table(
            &[
                "status",
                "batch_size",
                "learning_rate",
                "seed",
                "parameters",
                "train_set_loss",
                "steps_to_target",
            ],
            &[
                &["succeeded", "8", "0.1", "3", parameters, "0.25", ""],
                &["pending", "8", "0.1", "4", parameters, "", ""],
            ],
        );
        let found = records(&table);
        assert_eq!((found[0].status, found[0].batch_size, found[0].seed), (TrialStatus::Succeeded, 8, 3));
        assert_eq!((found[0].train_set_loss, found[0].steps_to_target), (Some(0.25), None));
        assert_eq!(
            found[0].axes,
            [
                ("optimizer".to_owned(), Value::Word("adam".to_owned())),
                ("momentum".to_owned(), Value::Number(0.9)),
                ("steps".to_owned(), Value::Integer(5)),
            ]
        );
        assert_eq!((found[1].train_set_loss, found[1].trial_index), (None, 1));
    }

    #[test]
    fn a_row_of_another_table_is_no_trial() {
        assert!(records(&table(&["worker"], &[&["local-0"]])).is_empty());
    }
}
