//! Sweeps that train a part of their grid.

use serde_json::Value;

use super::sandbox::Sandbox;

const SWEEP: &str = r#"
name = "searched"
[data]
format = "synthetic"
examples = 1000
features = [10]
classes = 2
labels = "teacher"
seed = 1
[model]
kind = "linear"
[grid]
batch_size = [8, 64, 512]
learning_rate = { from = 0.001, to = 10.0, count = 9 }
[train]
epochs = 3
[search]
goal = "rows"
"#;

#[test]
fn a_search_trains_a_part_of_the_grid_and_says_why() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("searched.toml", SWEEP);
    let file = file.to_str().unwrap();
    let run = sandbox.call(&["run", file, "--workers", "2"]);
    let (table, said) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert!(said.contains("/at most 27] "), "{said}");
    assert!(said.contains("left out by the search; why: batchsweep show searched --why"), "{said}");
    assert!(!table.contains("skipped") && table.contains("- left out by the search"), "{table}");

    let rows = sandbox.rows(&["results", "searched"]);
    let with = |status: &str| rows.iter().filter(|row| row["status"] == status).count();
    assert_eq!((rows.len(), with("skipped") + with("succeeded") + with("diverged")), (27, 27));
    assert!(with("succeeded") + with("diverged") <= 16, "{rows:?}");

    // The best rate of each batch size was found, as a run of every cell finds it.
    let all = ["--set", "search.goal=all", "--set", "name=whole"];
    sandbox.read(&[&["run", file], &all[..]].concat());
    let best = |sweep: &str| -> Vec<Value> {
        let best = sandbox.read(&["best", sweep, "-o", "json"]);
        let best: Value = serde_json::from_str(&best).unwrap();
        let rows = best["batch_sizes"].as_array().unwrap().iter();
        rows.map(|row| row["learning_rate"].clone()).collect()
    };
    assert_eq!(best("searched"), best("whole"));
    assert_eq!(
        sandbox.rows(&["sql", "select 1 from batchsweep.decision where sweep_name = 'whole'"]).len(),
        0
    );

    let skipped = rows.iter().find(|row| row["status"] == "skipped").unwrap();
    let cell = format!("{}@{}", skipped["batch_size"], skipped["learning_rate"]);
    let why = sandbox.rows(&["show", "searched", "--why", &cell]);
    assert_eq!((why.len(), &why[0]["action"], &why[0]["reason"]), (1, &"skip".into(), &"bracketed".into()));
    let because: Vec<u64> = serde_json::from_str(why[0]["because"].as_str().unwrap()).unwrap();
    assert!(because.len() >= 3, "{why:?}");
    let unknown = sandbox.call(&["show", "searched", "--why", "9@0.1"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("has no such cell"));
    let whole = sandbox.call(&["show", "whole", "--why", "8@0.001"]);
    assert!(String::from_utf8_lossy(&whole.stderr).contains("has no [search]"));
}

#[test]
fn a_search_that_was_interrupted_goes_on() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("searched.toml", SWEEP);
    let file = file.to_str().unwrap();
    sandbox.read(&["up"]);
    sandbox.read(&["submit", file]);
    sandbox.read(&["cancel", "searched"]);
    assert_eq!(sandbox.call(&["wait", "searched"]).status.code(), Some(0));
    sandbox.read(&["run", "--resume", "searched"]);
    let rows = sandbox.rows(&["ls"]);
    assert_eq!((&rows[0]["state"], &rows[0]["cancelled"]), (&"finished".into(), &0.into()));
    let counts = sandbox.rows(&["sql", "select skipped, undecided from batchsweep.sweep"]);
    assert!(counts[0]["skipped"].as_u64().unwrap() > 0 && counts[0]["undecided"] == 0, "{counts:?}");
}

#[test]
fn a_sweep_is_extended_where_its_best_rates_sit_on_the_edge() {
    let sandbox = Sandbox::new();
    let narrow = SWEEP
        .replace("{ from = 0.001, to = 10.0, count = 9 }", "[0.001, 0.003]")
        .replace("goal = \"rows\"", "");
    let file = sandbox.file("narrow.toml", &narrow);
    let run = sandbox.call(&["run", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    let next = said
        .lines()
        .find_map(|line| line.split_once("next: batchsweep extend "))
        .unwrap_or_else(|| panic!("{said}"))
        .1;
    assert!(
        next.starts_with(
            "searched --set grid.batch_size='[8, 64, 512]' --set grid.learning_rate='[0.009, 0.027]'"
        ),
        "{next}"
    );

    let set = ["--set", "grid.learning_rate=[0.003, 0.1, 1.0, 10.0]"];
    let extended = sandbox.call(&[&["extend", "searched"], &set[..]].concat());
    let said = String::from_utf8_lossy(&extended.stderr);
    assert!(
        said.contains("added 9 trials") && said.contains("next: batchsweep run --resume searched"),
        "{said}"
    );
    sandbox.read(&["run", "--resume", "searched"]);
    let rows = sandbox.rows(&["results", "searched"]);
    assert_eq!((rows.len(), rows.iter().filter(|row| row["attempts"] == 1).count()), (15, 15));
    let again = sandbox.call(&[&["extend", "searched"], &set[..]].concat());
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing to add"));
    let wrong = sandbox.call(&["extend", "searched", "--set", "train.epochs=5"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("`train` is no axis of the grid"));
}
