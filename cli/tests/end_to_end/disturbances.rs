//! Whatever is killed or interrupted: the sweep ends with one result a trial, or ends as asked, and nothing is left.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::sandbox::{Sandbox, wait_for};

/// Eight trials that are long enough to be killed in the middle.
const SWEEP: &str = r#"
name = "long"
[data]
format = "synthetic"
examples = 2000
features = [20]
classes = 2
[model]
kind = "mlp"
hidden = [256, 256]
[grid]
batch_size = [16]
learning_rate = [0.01]
seed = [0, 1, 2, 3, 4, 5, 6, 7]
[train]
steps = 2000
"#;

fn assert_one_result_each(sandbox: &Sandbox, trials: usize) {
    let rows = sandbox.rows(&["results", "@last"]);
    assert_eq!(rows.len(), trials);
    let mut seeds: Vec<u64> = rows.iter().map(|row| row["seed"].as_u64().unwrap()).collect();
    seeds.sort_unstable();
    assert_eq!(seeds, (0..trials as u64).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row["status"] == "succeeded" && row["steps"] == 2000), "{rows:?}");
    // One loss a step, whatever was sent twice.
    let sweep_id = rows[0]["sweep_id"].as_str().unwrap();
    let query = format!(
        "select count(*) as points, count(distinct (m.trial_id, m.step)) as steps from batchsweep.metric m \
         join batchsweep.result r on r.trial_id = m.trial_id and r.attempts = m.attempt \
         where m.name = 'train_loss' and m.sweep_id = '{sweep_id}'"
    );
    let points = sandbox.rows(&["sql", &query]);
    assert_eq!(
        (&points[0]["points"], &points[0]["steps"]),
        (&Value::from(2000 * trials), &Value::from(2000 * trials))
    );
}

#[test]
fn killing_trainer_worker_and_coordinator_costs_no_result() {
    let sandbox = Sandbox::new();
    let sweep = sandbox.file("long.toml", SWEEP);
    let mut run = sandbox.start(&["run", &sweep.to_string_lossy(), "-o", "json"]);
    run.wait_for_line("[1/8]");
    sandbox.trainer().signal(Signal::SIGKILL);
    run.wait_for_line("[2/8]");
    let (_, worker) = sandbox.record().workers[0].clone();
    worker.signal(Signal::SIGKILL);
    run.wait_for_line("worker local-0 was killed");
    run.wait_for_line("[4/8]");
    sandbox.record().coordinator.unwrap().signal(Signal::SIGKILL);
    run.wait_for_line("coordinator was killed");
    let (code, table, said) = run.finish();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&table).unwrap().len(), 8);
    assert_eq!(sandbox.processes(), []);
    assert_one_result_each(&sandbox, 8);
}

#[test]
fn the_first_interrupt_lets_running_trials_finish() {
    let sandbox = Sandbox::new();
    let sweep = sandbox.file("long.toml", SWEEP);
    let mut run = sandbox.start(&["run", &sweep.to_string_lossy()]);
    run.wait_for_line("[1/8]");
    run.signal(Signal::SIGINT);
    let (code, _, said) = run.finish();
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(sandbox.processes(), []);
    let trials = sandbox.rows(&["trials", "@last"]);
    let count = |status: &str| trials.iter().filter(|trial| trial["status"] == status).count();
    assert_eq!(count("succeeded") + count("cancelled"), 8, "{trials:?}");
    assert!(count("succeeded") >= 1 && count("cancelled") >= 1, "{trials:?}");

    // What the hint says goes on with the rest.
    let hint = said.lines().find_map(|line| line.split_once("next: batchsweep ")).unwrap().1;
    let words: Vec<&str> = hint.split_whitespace().take(3).collect();
    assert_eq!(words[..2], ["run", "--resume"], "{said}");
    let resumed = sandbox.call(&words);
    let said = String::from_utf8_lossy(&resumed.stderr);
    assert_eq!(resumed.status.code(), Some(0), "{said}");
    assert!(!said.contains("is paused"), "{said}");
    assert_one_result_each(&sandbox, 8);
    let nothing = sandbox.call(&words);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("nothing to go on with"));
}

#[test]
fn the_second_interrupt_stops_at_once() {
    let sandbox = Sandbox::new();
    let sweep = sandbox.file("endless.toml", &SWEEP.replace("steps = 2000", "steps = 100000000"));
    let mut run = sandbox.start(&["run", &sweep.to_string_lossy()]);
    run.wait_for_line("8 trials");
    sandbox.trainer();
    run.signal(Signal::SIGINT);
    run.wait_for_line("Ctrl-C again");
    run.signal(Signal::SIGINT);
    let (code, _, said) = run.finish();
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(sandbox.processes(), []);
    assert!(sandbox.rows(&["trials", "@last"]).iter().all(|trial| trial["status"] == "cancelled"));
}

#[test]
fn nothing_outlives_a_killed_run_and_the_next_one_sets_its_sweep_aside() {
    let sandbox = Sandbox::new();
    let sweep = sandbox.file("long.toml", SWEEP);
    let path = sweep.to_string_lossy();
    let mut run = sandbox.start(&["run", &path]);
    run.wait_for_line("[1/8]");
    let started = sandbox.processes();
    assert!(started.len() >= 3, "{started:?}");
    run.signal(Signal::SIGKILL);
    wait_for("an end of all processes", || started.iter().all(|process| !process.is_alive()).then_some(()));
    drop(run);

    let again = sandbox.call(&["run", &path, "--set", "grid.seed=[0, 1]"]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(0), "{said}");
    assert!(said.contains("is paused; to go on"), "{said}");
    assert_one_result_each(&sandbox, 2);
    assert!(sandbox.state().has_database());
}
