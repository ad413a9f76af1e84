//! A sweep whose trials all fail is set aside, whoever waits for it is told, and it comes to a good end once the cause is mended.

use std::fs;
use std::time::{Duration, Instant};

use super::sandbox::{Sandbox, example};

/// 24 trials on a file that is not there yet.
const SWEEP: &str = r#"
name = "no-file"
[data]
format = "safetensors"
path = "later.safetensors"
[model]
kind = "linear"
[grid]
batch_size = [2]
learning_rate = [0.01]
seed = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
[train]
steps = 2
"#;

/// Four examples of two numbers each, as safetensors.
fn data() -> Vec<u8> {
    let header = br#"{"train_x":{"dtype":"F32","shape":[4,2],"data_offsets":[0,32]},"train_y":{"dtype":"I64","shape":[4],"data_offsets":[32,64]}}"#;
    let inputs = (0..8_u8).flat_map(|number| f32::from(number).to_le_bytes());
    let classes = (0..4_i64).flat_map(|number| (number % 2).to_le_bytes());
    (header.len() as u64)
        .to_le_bytes()
        .into_iter()
        .chain(header.iter().copied())
        .chain(inputs)
        .chain(classes)
        .collect()
}

#[test]
fn a_sweep_whose_trials_all_fail_is_set_aside_and_ends_well_once_the_cause_is_mended() {
    let sandbox = Sandbox::new();
    let later = sandbox.file("later.safetensors", "");
    fs::remove_file(&later).unwrap();
    let file = sandbox.file("no-file.toml", &SWEEP.replace("later.safetensors", &later.to_string_lossy()));
    let text = file.to_string_lossy();
    sandbox.read(&["up"]);
    let started = Instant::now();
    // `run` would have looked for the file first; `submit` leaves that to the workers.
    let run = sandbox.call(&["submit", &text, "--wait"]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(1), "{said}");
    for part in [
        "the sweep is paused: 10 attempts in a row failed, the last with: cannot read",
        "later.safetensors",
        "next: batchsweep resume ",
        " && batchsweep retry ",
        "once the cause is mended",
    ] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    // The only worker does not take itself for broken: its pauses would have added up to five minutes.
    assert!(started.elapsed() < Duration::from_secs(200), "{:?}", started.elapsed());
    // What the hint says is what helps.
    let hint = said.lines().find(|line| line.contains("batchsweep resume ")).unwrap();
    let sweep = hint.split("batchsweep resume ").nth(1).unwrap().split(' ').next().unwrap().to_owned();

    let states = sandbox.rows(&["trials", &sweep]);
    let count = |status: &str| states.iter().filter(|trial| trial["status"] == status).count();
    assert_eq!((count("failed"), count("pending")), (10, 14), "{states:?}");
    let kinds = sandbox.rows(&["sql", "select distinct error_kind from batchsweep.attempt"]);
    assert_eq!((kinds.len(), &kinds[0]["error_kind"]), (1, &"files".into()));
    let shown = sandbox.read(&["show", &sweep]);
    assert!(shown.contains("paused    10 attempts in a row failed"), "{shown}");
    let shown = sandbox.read(&["show", &sweep, "-o", "json"]);
    assert!(shown.contains("\"pause_reason\": \"10 attempts in a row failed"), "{shown}");

    for waits in [&["wait", "no-file"], &["watch", "no-file"]] {
        let output = sandbox.call(waits);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("the sweep is paused: 10 attempts in a row failed"), "{said}");
        assert!(
            said.contains("next: batchsweep resume ") && said.contains(" && batchsweep retry "),
            "{said}"
        );
    }
    // Another sweep is not held up by it.
    sandbox.read(&["submit", &example("seed.toml"), "--wait"]);

    fs::write(&later, data()).unwrap();
    sandbox.read(&["resume", &sweep]);
    sandbox.read(&["retry", &sweep]);
    sandbox.read(&["wait", &sweep]);
    let rows = sandbox.rows(&["results", &sweep]);
    assert_eq!(rows.len(), 24);
    assert!(rows.iter().all(|row| row["status"] == "succeeded"), "{rows:?}");
    let shown = sandbox.read(&["show", &sweep]);
    assert!(!shown.contains("attempts in a row"), "{shown}");
}
