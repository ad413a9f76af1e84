//! What a sweep found: the subset of view `result` that answers the question, in human units.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::sheet::{Cell, Sheet, SheetColumn};
use crate::table::Table;
use crate::{human, rows};

/// One row a trial. Columns that say nothing (no validation data, no axis beyond the two) are left out, and a narrow
/// terminal loses the least important ones.
#[must_use]
pub fn sheet(results: &Table) -> Sheet {
    let axes = differing_axes(results);
    let mut columns = vec![SheetColumn::numbers("batch\nsize", 0), SheetColumn::numbers("learning\nrate", 0)];
    columns.extend(axes.iter().map(|axis| SheetColumn::words(&axis.replacen('_', "\n", 1), 1)));
    columns.extend([
        SheetColumn::words("status", 0),
        SheetColumn::numbers("micro-batch\nx steps", 2),
        SheetColumn::numbers("optimizer\nsteps", 3),
        SheetColumn::numbers("train-set\nloss", 0),
        SheetColumn::numbers("last-epoch\nloss std", 4),
        SheetColumn::numbers("validation\naccuracy", 0),
        SheetColumn::numbers("validation\nloss", 0),
        SheetColumn::numbers("train\ntime", 5),
        SheetColumn::numbers("examples\nper second", 7),
        SheetColumn::numbers("peak\nmemory", 6),
        SheetColumn::numbers("parameters\n+ gradients", 8),
        SheetColumn::numbers("optimizer\nstate", 9),
        SheetColumn::numbers("micro-\nbatch", 10),
        SheetColumn::numbers("activations,\nworkspace", 11),
        SheetColumn::numbers("data on\ndevice", 12),
    ]);
    let rows = (0..results.rows.len()).map(|row| cells(results, row, &axes)).collect();
    Sheet { columns, rows }.without_empty_columns()
}

/// The trials that were not left out by the sweep's search, and how many were.
#[must_use]
pub fn without_skipped(results: &Table) -> (Table, usize) {
    let is_kept = |row: &usize| results.text(*row, "status") != Some("skipped");
    let kept: Vec<_> = (0..results.rows.len()).filter(is_kept).map(|row| results.rows[row].clone()).collect();
    let skipped = results.rows.len() - kept.len();
    (Table { columns: results.columns.clone(), rows: kept }, skipped)
}

/// The axes besides batch size and learning rate that take more than one value, by name.
#[must_use]
pub fn differing_axes(results: &Table) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let all: Vec<Map<String, Value>> = (0..results.rows.len()).map(|row| parameters(results, row)).collect();
    for name in all.iter().flat_map(Map::keys) {
        if !names.contains(name) && name != "batch_size" && name != "learning_rate" {
            names.push(name.clone());
        }
    }
    names.retain(|name| all.iter().map(|axes| axis_text(axes, name)).collect::<BTreeSet<_>>().len() > 1);
    names
}

/// The value of every axis of one trial.
#[must_use]
pub fn parameters(results: &Table, row: usize) -> Map<String, Value> {
    results.text(row, "parameters").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The value of one axis as text; words without quotes.
#[must_use]
pub fn axis_text(axes: &Map<String, Value>, name: &str) -> String {
    axes.get(name).map_or_else(String::new, |value| match value {
        Value::String(word) => word.clone(),
        Value::Number(number) => {
            number.as_f64().filter(|_| number.is_f64()).map_or(number.to_string(), human::exact)
        }
        other => other.to_string(),
    })
}

/// One line for each trial that ended without a loss to compare, with what the trial says about it. One that the sweep's search ended
/// early is as it was meant to be.
#[must_use]
pub fn remarks(results: &Table) -> Vec<String> {
    (0..results.rows.len())
        .filter_map(|row| {
            let status = results.text(row, "status").filter(|status| *status != "stopped")?;
            let error = results.text(row, "error")?.trim();
            let index = results.text(row, "trial_index")?;
            let batch_size = results.text(row, "batch_size")?;
            let learning_rate = results.number(row, "learning_rate").map(human::exact)?;
            Some(format!(
                "trial {index} (batch size {batch_size}, learning rate {learning_rate}) {status}: {error}"
            ))
        })
        .collect()
}

fn cells(results: &Table, row: usize, axes: &[String]) -> Vec<Cell> {
    let whole = |name: &str| text(results.whole(row, name).map(|number| number.to_string()));
    let bytes = |name: &str| text(results.whole(row, name).map(human::bytes));
    let number = |name: &str, show: fn(f64) -> String| text(results.number(row, name).map(show));
    let loss = |number| human::significant(number, 4);
    let parameters = parameters(results, row);
    let status = results.text(row, "status").unwrap_or_default();
    let split = results
        .whole(row, "micro_batch")
        .zip(results.whole(row, "accumulation_steps"))
        .filter(|&(micro_batch, _)| micro_batch > 0)
        .map(|(micro_batch, steps)| format!("{micro_batch} x {steps}"));
    let part_1 = results
        .whole(row, "parameter_bytes")
        .zip(results.whole(row, "gradient_bytes"))
        .map(|(parameters, gradients)| human::bytes(parameters + gradients));
    let resident = results.whole(row, "resident_data_bytes").filter(|&bytes| bytes > 0).map(human::bytes);
    let head = [whole("batch_size"), number("learning_rate", human::exact)];
    let axes = axes.iter().map(|axis| axis_text(&parameters, axis).into());
    let rest = [
        Cell { text: status.to_owned(), tone: rows::tone(status) },
        text(split),
        whole("steps"),
        number("train_set_loss", loss),
        number("train_loss_std", loss),
        number("final_validation_accuracy", human::percent),
        // Where predictions are right or wrong, the share of right ones says more.
        match results.number(row, "final_validation_accuracy") {
            Some(_) => text(None),
            None => number("final_validation_loss", loss),
        },
        number("train_seconds", human::seconds),
        number("examples_per_second", human::prefixed),
        bytes("peak_memory_bytes"),
        text(part_1),
        bytes("optimizer_state_bytes"),
        bytes("batch_bytes"),
        bytes("activation_bytes"),
        text(resident),
    ];
    head.into_iter().chain(axes).chain(rest).collect()
}

fn text(shown: Option<String>) -> Cell {
    shown.unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::Look;
    use crate::table::{Column, ColumnKind};

    const COLUMNS: [&str; 22] = [
        "trial_index",
        "status",
        "batch_size",
        "learning_rate",
        "parameters",
        "micro_batch",
        "accumulation_steps",
        "steps",
        "train_set_loss",
        "train_loss_std",
        "final_validation_accuracy",
        "train_seconds",
        "examples_per_second",
        "peak_memory_bytes",
        "resident_data_bytes",
        "parameter_bytes",
        "gradient_bytes",
        "optimizer_state_bytes",
        "batch_bytes",
        "activation_bytes",
        "oom_count",
        "error",
    ];

    fn results(rows: &[[&str; 22]]) -> Table {
        Table {
            columns: COLUMNS
                .iter()
                .map(|&name| Column { name: name.to_owned(), kind: ColumnKind::Text })
                .collect(),
            rows: rows
                .iter()
                .map(|row| {
                    row.iter().map(|cell| Some((*cell).to_owned()).filter(|cell| !cell.is_empty())).collect()
                })
                .collect(),
        }
    }

    fn seed_example() -> Table {
        let row = |index, size: &'static str, axes, rest: [&'static str; 10]| {
            let [split, accumulation, steps, loss, std, seconds, rate, peak, batch, activations] = rest;
            [
                index,
                "succeeded",
                size,
                "0.01",
                axes,
                split,
                accumulation,
                steps,
                loss,
                std,
                "",
                seconds,
                rate,
                peak,
                "0",
                "88",
                "88",
                "0",
                batch,
                activations,
                "0",
                "",
            ]
        };
        results(&[
            row(
                "0",
                "1",
                r#"{"batch_size":1,"learning_rate":0.01,"seed":0}"#,
                ["1", "1", "3000", "0.69612", "0.17831", "0.2134", "14058.1", "300", "48", "76"],
            ),
            row(
                "1",
                "32",
                r#"{"batch_size":32,"learning_rate":0.01,"seed":0}"#,
                ["32", "1", "96", "0.72661", "0.05271", "0.0098", "306122.4", "2560", "1536", "848"],
            ),
            row(
                "2",
                "1024",
                r#"{"batch_size":1024,"learning_rate":0.01,"seed":0}"#,
                ["1000", "1", "3", "0.77512", "0.00031", "0.0021", "1428571.0", "76176", "48000", "28000"],
            ),
        ])
    }

    #[test]
    fn the_seed_example_fits_a_wide_terminal_whole() {
        insta::assert_snapshot!(sheet(&seed_example()).render(Look { width: Some(160), color: false }), @"
        batch  learning             micro-batch  optimizer  train-set  last-epoch   train    examples      peak   parameters  optimizer    micro-  activations,
         size      rate  status         x steps      steps       loss    loss std    time  per second    memory  + gradients      state     batch     workspace
            1      0.01  succeeded        1 x 1       3000     0.6961      0.1783  0.21 s       14.1k     300 B        176 B        0 B      48 B          76 B
           32      0.01  succeeded       32 x 1         96     0.7266     0.05271   10 ms      306.1k   2.5 KiB        176 B        0 B   1.5 KiB         848 B
         1024      0.01  succeeded     1000 x 1          3     0.7751   0.0003100    2 ms       1.43M  74.4 KiB        176 B        0 B  46.9 KiB      27.3 KiB
        ");
    }

    #[test]
    fn in_80_columns_the_losses_and_the_steps_stay() {
        insta::assert_snapshot!(sheet(&seed_example()).render(Look { width: Some(80), color: false }), @"
        batch  learning             micro-batch  optimizer  train-set  last-epoch
         size      rate  status         x steps      steps       loss    loss std
            1      0.01  succeeded        1 x 1       3000     0.6961      0.1783
           32      0.01  succeeded       32 x 1         96     0.7266     0.05271
         1024      0.01  succeeded     1000 x 1          3     0.7751   0.0003100
        ");
    }

    #[test]
    fn axes_that_differ_get_a_column_and_trials_without_a_loss_a_remark() {
        let row = |index, status, axes, split: [&'static str; 2], accuracy, error| {
            [
                index, status, "1024", "0.5", axes, split[0], split[1], "10", "", "", accuracy, "1.5",
                "820.0", "", "", "", "", "", "", "", "", error,
            ]
        };
        let results = results(&[
            row(
                "0",
                "succeeded",
                r#"{"optimizer":"sgd","momentum":0.9,"seed":7}"#,
                ["256", "4"],
                "0.8432",
                "",
            ),
            row(
                "1",
                "infeasible",
                r#"{"optimizer":"adam","momentum":0.9,"seed":7}"#,
                ["", ""],
                "",
                "budget 1 MiB",
            ),
            row("2", "diverged", r#"{"optimizer":"sgd","momentum":0.9,"seed":8}"#, ["1024", "1"], "", ""),
        ]);
        assert_eq!(differing_axes(&results), ["optimizer", "seed"]);
        insta::assert_snapshot!(sheet(&results).render(Look::PLAIN), @"
        batch  learning                               micro-batch  optimizer  validation   train    examples
         size      rate  optimizer  seed  status          x steps      steps    accuracy    time  per second
         1024       0.5  sgd        7     succeeded       256 x 4         10      84.3 %  1.50 s         820
         1024       0.5  adam       7     infeasible                      10              1.50 s         820
         1024       0.5  sgd        8     diverged       1024 x 1         10              1.50 s         820
        ");
        assert_eq!(
            remarks(&results),
            ["trial 1 (batch size 1024, learning rate 0.5) infeasible: budget 1 MiB"]
        );
    }
}
