//! A sweep, and everything that can be read of it.

use std::process::Command;

use serde_json::Value;

use super::sandbox::{Sandbox, example};

/// The columns of view `result`, as promised.
const COLUMNS: &str = "sweep_id sweep_name trial_id trial_index status batch_size learning_rate optimizer seed parameters \
    micro_batch accumulation_steps precision device worker attempts steps examples epochs first_train_loss final_train_loss \
    train_set_loss last_epoch_train_loss train_loss_std final_validation_loss final_validation_accuracy best_validation_loss \
    best_validation_accuracy steps_to_target examples_to_target seconds_to_target train_seconds examples_per_second \
    peak_memory_bytes peak_reserved_bytes predicted_peak_memory_bytes resident_data_bytes parameter_bytes gradient_bytes \
    optimizer_state_bytes batch_bytes activation_bytes memory_budget_bytes oom_count gradient_noise_scale accumulation \
    started_at finished_at error seed_sets data_sha256 task tokens tokens_per_second metrics";

fn column<'a>(rows: &'a [Value], name: &str) -> Vec<&'a Value> {
    rows.iter().map(|row| &row[name]).collect()
}

#[test]
fn the_seed_example_ends_with_three_trials_and_leaves_nothing_running() {
    let sandbox = Sandbox::new();
    let output = sandbox.call(&["run", &example("seed.toml")]);
    let (table, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("not retuned") && said.contains("next:"), "{said}");
    assert!(table.contains("This sweep does not say which batch size to train with"), "{table}");
    assert_eq!(table.lines().filter(|line| line.contains("succeeded")).count(), 3, "{table}");
    assert_eq!(sandbox.processes(), []);

    let rows = sandbox.rows(&["results", "@last"]);
    let keys: Vec<&str> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, COLUMNS.split_whitespace().collect::<Vec<_>>());
    assert_eq!(column(&rows, "batch_size"), [1, 32, 1024]);
    assert_eq!(column(&rows, "steps"), [3000, 96, 3]);
    assert_eq!(column(&rows, "micro_batch"), [1, 32, 1000]);
    assert_eq!(column(&rows, "parameter_bytes"), [88, 88, 88]);
    assert_eq!(column(&rows, "gradient_bytes"), [88, 88, 88]);
    assert_eq!(column(&rows, "optimizer_state_bytes"), [0, 0, 0]);
    assert_eq!(column(&rows, "batch_bytes"), [48, 1536, 48_000]);
    let std: Vec<f64> = rows.iter().map(|row| row["train_loss_std"].as_f64().unwrap()).collect();
    assert!(std[0] > std[1] && std[1] > std[2], "{std:?}");
    assert_eq!(sandbox.processes(), [], "reading started a stack and stopped it again");
}

#[test]
fn results_are_read_in_every_way() {
    let sandbox = Sandbox::new();
    let sweep = example("seed.toml");
    sandbox.read(&["run", &sweep, "--set", "grid.batch_size=[32, 1024]", "--set", "name=short"]);

    let query = "select batch_size, min(final_train_loss) from batchsweep.result group by 1 order by 1";
    assert_eq!(column(&sandbox.rows(&["sql", query]), "batch_size"), [32, 1024]);
    let refused = sandbox.call(&["sql", "delete from batchsweep.result"]);
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));
    // A database that is started for this command alone is gone before anybody connects to it.
    let no_url = sandbox.call(&["sql", "--url"]);
    assert_eq!((no_url.status.code(), no_url.stdout.len()), (Some(3), 0));
    assert!(String::from_utf8_lossy(&no_url.stderr).contains("batchsweep up"));

    let csv = sandbox.read(&["results", "short", "-o", "csv"]);
    assert_eq!(
        csv.lines().next().unwrap().replace(',', " "),
        COLUMNS.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    assert_eq!(sandbox.rows(&["metrics", "@last", "--trial", "1", "--name", "train_loss"]).len(), 3);
    assert_eq!(column(&sandbox.rows(&["trials", "@last"]), "status"), ["succeeded", "succeeded"]);
    assert_eq!(column(&sandbox.rows(&["ls"]), "sweep_name"), ["short"]);
    assert_eq!(column(&sandbox.rows(&["workers"]), "worker"), ["local-0"]);
    assert!(sandbox.read(&["show", "short"]).contains("2 succeeded"));
    assert!(sandbox.read(&["show", "short", "--source"]).contains("# The first sweep to run"));
    sandbox.read(&["logs", "0"]);
    sandbox.read(&["watch", "@last"]);

    let misspelt = sandbox.call(&["results", "shrot"]);
    assert_eq!(misspelt.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&misspelt.stderr).contains("did you mean `short`?"));
}

#[test]
fn a_sweep_ends_with_its_grid_and_what_to_train_with() {
    let sandbox = Sandbox::new();
    let file = sandbox.file(
        "tuned.toml",
        r#"
        name = "tuned"
        [data]
        format = "synthetic"
        examples = 600
        features = [10]
        classes = 2
        labels = "teacher"
        seed = 1
        [model]
        kind = "linear"
        [grid]
        batch_size = [10, 60]
        learning_rate = [0.001, 0.1, 1e30]
        seed = [0, 1, 2]
        [train]
        epochs = 4
        target = { metric = "train_set_loss", below = 0.6 }
        "#,
    );
    let file = file.to_string_lossy();
    // One stack for all that follows.
    sandbox.read(&["up"]);
    let url = sandbox.read(&["sql", "--url"]);
    let psql = Command::new("psql").args([url.trim(), "-AtXc", "select current_user"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&psql.stdout).trim(), "batchsweep_reader", "{psql:?}");
    let output = sandbox.call(&["run", &file]);
    let (shown, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(shown.contains("train-set loss, median over seeds: batch size down"), "{shown}");
    let row = shown.lines().find(|line| line.trim_start().starts_with("60 ") && line.contains('*')).unwrap();
    assert!(row.trim_end().ends_with('x'), "a rate of 1e30 diverges: {row}");
    assert!(!shown.contains('\x1b'), "a pipe has no colour");
    assert!(shown.contains("at learning rate 0.1"), "{shown}");
    assert!(said.contains("[W14]"), "{said}");
    assert!(sandbox.read(&["show", "tuned"]).contains("* best of its batch size, x diverged"));

    for verb in ["show", "best", "results", "trials"] {
        let lines = sandbox.on_a_terminal_of_80_columns(&[verb, "tuned"]);
        assert!(lines.lines().count() > 5, "{lines}");
        let wide: Vec<&str> = lines.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{verb}: {wide:#?}");
    }

    let best: Value = serde_json::from_str(&sandbox.read(&["best", "tuned", "-o", "json"])).unwrap();
    assert_eq!(column(best["batch_sizes"].as_array().unwrap(), "batch_size"), [10, 60]);
    assert_eq!(column(best["batch_sizes"].as_array().unwrap(), "learning_rate"), [0.1, 0.1]);
    assert!(best["batch_sizes"][0]["steps_to_target"].as_f64().unwrap() > 0.0, "{best}");
    assert_eq!(best["conclusion"]["choice"]["learning_rate"], 0.1);
    assert_eq!(sandbox.read(&["best", "tuned", "-o", "csv"]).lines().count(), 3);
    assert!(sandbox.read(&["best", "tuned"]).contains("larger rates diverged"));
    assert_eq!(sandbox.call(&["best", "tuend"]).status.code(), Some(5));

    sandbox.read(&["run", &file, "--set", "name=other", "--set", "train.epochs=2"]);
    let compared = sandbox.rows(&["compare", "tuned", "other"]);
    assert_eq!(column(&compared, "sweep_name"), ["tuned", "other"]);
    assert_eq!(column(&compared, "train.epochs"), ["4", "2"]);
    assert!(sandbox.read(&["compare", "tuned", "other"]).contains("best batch size"));
    assert_eq!(sandbox.call(&["compare", "tuned", "nowhere"]).status.code(), Some(5));
}

#[test]
fn the_stack_of_up_takes_sweeps_and_keeps_them_over_down_and_up() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    sandbox.read(&["status"]);
    let id = sandbox.read(&["submit", &example("seed.toml"), "--wait"]);
    // `run` uses the stack that runs, and leaves it running.
    sandbox.read(&["run", &example("seed.toml"), "--set", "grid.batch_size=[1024]"]);
    sandbox.read(&["status"]);
    sandbox.read(&["down"]);
    assert_eq!(sandbox.processes(), []);
    assert_eq!(sandbox.call(&["status"]).status.code(), Some(3));
    sandbox.read(&["up"]);
    assert_eq!(sandbox.rows(&["results", id.trim()]).len(), 3);
    assert_eq!(sandbox.rows(&["ls"]).len(), 2);
}
