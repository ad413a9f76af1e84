//! The exit codes that scripts rely on, where nothing but the command itself is needed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by ending")]

use std::time::{Duration, Instant};

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use tempfile::TempDir;

/// The command in an empty state folder, with nothing in its environment that could lead it elsewhere.
fn batchsweep(state: &TempDir) -> Command {
    let mut command = cargo_bin_cmd!("batchsweep");
    command.env_remove("BATCHSWEEP_COORDINATOR").env("BATCHSWEEP_STATE_DIR", state.path().join("state"));
    command.timeout(Duration::from_secs(60));
    command
}

fn state() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[track_caller]
fn assert_failure(command: &mut Command, code: i32, said: &[&str]) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    for text in said {
        assert!(stderr.contains(text), "`{text}` is not in:\n{stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn wrong_usage_is_2_and_suggests_the_right_verb() {
    assert_failure(batchsweep(&state()).arg("resluts"), 2, &["unrecognized subcommand", "results"]);
    assert_failure(batchsweep(&state()).args(["run", "x.toml", "--device", "gpu"]), 2, &["cuda:0"]);
    assert_failure(batchsweep(&state()).args(["compare", "one"]), 2, &["2 values required"]);
    assert_failure(
        batchsweep(&state()).args(["run", "x.toml", "--coordinator", "http://a:1"]),
        2,
        &["submit"],
    );
    assert_failure(
        batchsweep(&state()).args(["ls", "--coordinator", "ftp://a:1"]),
        2,
        &["unknown scheme `ftp`", "--coordinator", "https://"],
    );
}

#[test]
fn a_missing_sweep_file_is_2() {
    assert_failure(batchsweep(&state()).args(["run", "nowhere.toml"]), 2, &["nowhere.toml", "No such file"]);
}

#[test]
fn a_bad_sweep_file_is_2_and_starts_nothing() {
    let folder = state();
    let file = folder.path().join("sweep.toml");
    std::fs::write(&file, "[data]\nformat = \"idx\"\n[grid]\nbatch_sizes = [1]\n").unwrap();
    for verb in ["run", "plan", "submit"] {
        let said = [
            "unknown key `batch_sizes`",
            ":4:1",
            "did you mean `batch_size`?",
            "[model] is missing",
            "mistakes in",
        ];
        assert_failure(batchsweep(&folder).arg(verb).arg(&file), 2, &said);
    }
    assert!(!folder.path().join("state").exists());
}

#[test]
fn no_coordinator_is_3_within_3_seconds_and_names_the_address_and_who_gave_it() {
    // Taken and not answered: connections wait in its queue.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let start = Instant::now();
    let mut flag = batchsweep(&state());
    assert_failure(
        flag.args(["ls", "--coordinator", "http://127.0.0.1:1"]),
        3,
        &["127.0.0.1:1", "--coordinator"],
    );
    let mut variable = batchsweep(&state());
    variable.env("BATCHSWEEP_COORDINATOR", "127.0.0.1:1").arg("ls");
    assert_failure(&mut variable, 3, &["http://127.0.0.1:1", "BATCHSWEEP_COORDINATOR"]);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let start = Instant::now();
    assert_failure(batchsweep(&state()).args(["ls", "--coordinator", &silent]), 3, &[&silent]);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn nothing_running_is_3() {
    let output = batchsweep(&state()).args(["status", "-o", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"state\":\"stopped\""));
}

#[test]
fn stopping_what_does_not_run_is_fine() {
    batchsweep(&state()).arg("down").assert().success();
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = batchsweep(&state()).args(["completions", shell]).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("batchsweep"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let binary = env!("CARGO_BIN_EXE_batchsweep");
    let script = format!("'{binary}' completions bash | head -1");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
