use super::*;
use crate::sheet::Look;
use crate::table::Table;
use domain::analysis::{TrialRecord, analyze};
use domain::lifecycle::TrialStatus;
use domain::spec::Value;

/// A trial that met its target after 100 + 2560 / B steps, or did not.
fn trial(batch_size: u64, learning_rate: f64, seed: u64, met: bool) -> TrialRecord {
    let steps = 100 + 2560 / batch_size + 3 * seed;
    TrialRecord {
        steps: Some(400),
        examples: Some(400 * batch_size),
        epochs: Some(0.0004 * batch_size as f64),
        train_set_loss: Some(if met { 0.2 } else { 0.3 } + 0.01 * seed as f64),
        train_seconds: Some(400.0 * (0.001 + batch_size as f64 / 64_000.0)),
        steps_to_target: met.then_some(steps),
        examples_to_target: met.then_some(steps * batch_size),
        seconds_to_target: met.then_some(steps as f64 * (0.001 + batch_size as f64 / 64_000.0)),
        device: Some("cpu".to_owned()),
        accumulation_steps: Some(1),
        ..TrialRecord::new(batch_size, learning_rate, seed, TrialStatus::Succeeded)
    }
}

fn records() -> Vec<TrialRecord> {
    let mut records = Vec::new();
    for seed in 0..3 {
        for size in [4, 32, 256] {
            records.extend([
                trial(size, 0.05, seed, false),
                trial(size, 0.1, seed, true),
                trial(size, 0.2, seed, false),
            ]);
        }
        records.extend([0.05, 0.1, 0.2].map(|rate| trial(1024, rate, seed, false)));
        records
            .extend([0.05, 0.1, 0.2].map(|rate| TrialRecord::new(4096, rate, seed, TrialStatus::Diverged)));
    }
    records
}

#[test]
fn the_answer_has_a_row_for_every_batch_size_and_no_value_where_there_is_none() {
    let analysis = analyze(&records(), None);
    insta::assert_snapshot!(sheet(&analysis).render(Look { width: Some(120), color: false }), @"
    batch  best  about        train-set  over its               steps to   examples   time to
     size  rate  as good           loss  seeds                    target  to target    target  note
        4   0.1                  0.2100  0.2000 to 0.2200 of 3       743       2972    0.79 s
       32   0.1                  0.2100  0.2000 to 0.2200 of 3       183       5856    0.27 s
      256   0.1                  0.2100  0.2000 to 0.2200 of 3       113      28.9k    0.57 s
     1024  0.05  0.05 to 0.2     0.3100  0.3000 to 0.3200 of 3     > 400   > 409.6k  > 6.80 s  smallest rate tried
     4096                                                          never      never     never  diverged at every rate
    ");
    insta::assert_snapshot!(sheet(&analysis).render(Look { width: Some(60), color: false }), @"
    batch  best  about        train-set  steps to   time to
     size  rate  as good           loss    target    target
        4   0.1                  0.2100       743    0.79 s
       32   0.1                  0.2100       183    0.27 s
      256   0.1                  0.2100       113    0.57 s
     1024  0.05  0.05 to 0.2     0.3100     > 400  > 6.80 s
     4096                                   never     never
    ");
}

#[test]
fn other_axes_have_columns() {
    let with = |optimizer: &str| {
        let axes = vec![("optimizer".to_owned(), Value::Word(optimizer.to_owned()))];
        TrialRecord { axes, ..trial(32, 0.1, 0, true) }
    };
    let analysis = analyze(&[with("sgd"), with("adam")], None);
    let shown = sheet(&analysis).render(Look::PLAIN);
    let firsts: Vec<&str> = shown.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(firsts[1..], ["optimizer", "sgd", "adam"], "{shown}");
    assert_eq!(table(&analysis).text(1, "parameters"), Some(r#"{"optimizer":"adam"}"#));
}

#[test]
fn a_program_gets_every_number_and_bounds_apart_from_values() {
    let table: Table = table(&analyze(&records(), None));
    assert_eq!(table.rows.len(), 5);
    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
    assert_eq!(table.number(0, "steps_to_target"), Some(743.0));
    assert_eq!(
        (table.number(3, "steps_to_target"), table.number(3, "steps_to_target_above")),
        (None, Some(400.0))
    );
    assert_eq!((table.text(4, "learning_rate"), table.text(4, "seeds")), (None, None));
    assert_eq!(table.text(0, "stability_limited"), Some("false"));
}

#[test]
fn the_object_holds_the_choice_the_fits_and_the_warnings() {
    let object = object(&analyze(&records(), None));
    assert_eq!(object["conclusion"]["choice"]["basis"], "seconds_to_target");
    assert_eq!(object["batch_sizes"].as_array().unwrap().len(), 5);
    assert_eq!(
        object["comparisons"][0]["step_time"]["half_saturation_batch"].as_f64().unwrap().round(),
        64.0
    );
    assert_eq!(object["comparisons"][0]["critical_batch_size"]["value"], serde_json::Value::Null);
    assert!(object["warnings"].as_array().unwrap().iter().any(|warning| warning["id"] == "W5"));
    assert_eq!(object["conclusion"]["sentences"][0]["kind"], "advice");
}
