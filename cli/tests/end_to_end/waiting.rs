//! `wait`: what a script hears of a sweep's end.

use super::sandbox::{Sandbox, example};

/// A sweep whose trials fail: there is no such folder on any worker.
const FAILS: &str = r#"
name = "fails"
[data]
format = "idx"
path = "/nowhere/at/all"
[model]
kind = "linear"
[grid]
batch_size = [8]
learning_rate = [0.01]
[train]
steps = 1
"#;

#[test]
fn the_exit_code_of_wait_tells_how_the_sweep_ended() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let good = sandbox.read(&["submit", &example("seed.toml"), "--set", "name=good"]);
    let waited = sandbox.call(&["wait", good.trim()]);
    assert_eq!(waited.status.code(), Some(0));
    // Not a word: a script's log is for what went wrong.
    assert_eq!((waited.stdout.len(), String::from_utf8_lossy(&waited.stderr).as_ref()), (0, ""));
    let verbose = sandbox.call(&["wait", "good", "-v"]);
    assert!(String::from_utf8_lossy(&verbose.stderr).contains("3 trials: 3 succeeded"));

    let file = sandbox.file("fails.toml", FAILS);
    // Workers look for its data and do not find it; nothing else of the sweep needs to be right.
    sandbox.read(&["submit", &file.to_string_lossy()]);
    assert_eq!(sandbox.call(&["wait", "fails"]).status.code(), Some(1));

    assert_eq!(sandbox.call(&["wait", "god"]).status.code(), Some(5));
}

#[test]
fn waiting_for_what_does_not_end_is_given_up_with_124_and_the_sweep_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let endless = ["--set", "train.epochs=1000000", "--set", "name=endless"];
    sandbox.read(&[&["submit", &example("seed.toml")], &endless[..]].concat());
    let given_up = sandbox.call(&["wait", "endless", "--timeout", "0.3"]);
    let said = String::from_utf8_lossy(&given_up.stderr);
    assert_eq!(given_up.status.code(), Some(124), "{said}");
    assert!(said.contains("; it goes on"), "{said}");
    let states = sandbox.rows(&["ls"]);
    assert_eq!(states[0]["state"], "active");
    sandbox.read(&["cancel", "endless"]);
    assert_eq!(sandbox.call(&["wait", "endless"]).status.code(), Some(0));
}
