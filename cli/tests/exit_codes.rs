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
fn a_misspelt_sweep_file_is_answered_with_the_one_beside_it() {
    let folder = state();
    std::fs::write(folder.path().join("critical-batch.toml"), "").unwrap();
    let misspelt = folder.path().join("critical-bach.toml");
    assert_failure(
        batchsweep(&folder).arg("plan").arg(misspelt),
        2,
        &["did you mean", "/critical-batch.toml?"],
    );
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
fn completions_of_every_shell_know_every_verb() {
    use clap::CommandFactory;
    let verbs = cli::arguments::Arguments::command();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = batchsweep(&state()).args(["completions", shell]).output().unwrap();
        assert!(output.status.success());
        let script = String::from_utf8_lossy(&output.stdout);
        for verb in verbs.get_subcommands() {
            assert!(script.contains(verb.get_name()), "{shell}: {}", verb.get_name());
        }
    }
    // As far as a shell of this machine can tell, it is a script.
    let check = "eval \"$(\"$0\" completions bash)\" && complete -p batchsweep";
    let mut bash = std::process::Command::new("bash");
    let output = bash.args(["-c", check, env!("CARGO_BIN_EXE_batchsweep")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_sweep_file_of_any_bytes_is_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sweep.toml");
    for (bytes, said) in [
        (&b"name = \"\xff\xfe\""[..], "is not UTF-8 text (byte 8)"),
        (b"\x00\x01\x02", "mistake"),
        (b"", "mistake"),
        (b"\xef\xbb\xbfname = 1", "mistake"),
        (b"\x7fELF\x02\x01\x01\x00", "mistake"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        for verb in ["plan", "submit", "run"] {
            assert_failure(batchsweep(&state()).arg(verb).arg(&file), 2, &[said]);
        }
    }
}

#[test]
fn a_misspelt_flag_form_or_state_is_answered_with_the_right_one() {
    for (arguments, right) in [
        (&["ls", "--coordinater=http://a:1"][..], "--coordinator"),
        (&["ls", "-o", "jsn"], "json"),
        (&["trials", "x", "--status", "faild"], "'failed'"),
        (&["export", "x", "--format", "parqet", "--out", "x"], "parquet"),
        (&["token", "creat"], "create"),
        (&["completions", "bsh"], "bash"),
    ] {
        assert_failure(batchsweep(&state()).args(arguments), 2, &[right]);
    }
}

/// What standard output and standard error hold together on a terminal.
fn on_a_terminal(variables: &[(&str, &str)], arguments: &str) -> String {
    let command = format!("'{}' {arguments}", env!("CARGO_BIN_EXE_batchsweep"));
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).env_remove("NO_COLOR").env("TERM", "xterm-256color");
    // Where a CI says that it is one, colour goes to any terminal.
    script.env_remove("CI");
    let output = script.envs(variables.iter().copied()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn colour_is_for_terminals_and_not_where_no_color_is_set() {
    let colour = "\x1b[";
    let failing = "ls --coordinator http://127.0.0.1:1";
    let coloured = on_a_terminal(&[], failing);
    assert!(coloured.contains(colour) && coloured.contains("error:"), "{coloured}");
    for (variables, arguments) in [
        (&[("NO_COLOR", "1")][..], failing.to_owned()),
        (&[], format!("{failing} --color never")),
        (&[("TERM", "dumb")], failing.to_owned()),
    ] {
        let plain = on_a_terminal(variables, &arguments);
        assert!(!plain.contains(colour) && plain.contains("error:"), "{arguments}: {plain}");
    }
}

#[test]
fn quiet_says_nothing_but_errors_and_excludes_verbose() {
    let folder = state();
    let nothing = batchsweep(&folder).args(["status", "-q", "-o", "csv"]).output().unwrap();
    assert_eq!((nothing.status.code(), nothing.stderr.len()), (Some(3), 0));
    let error = ["ls", "-q", "--coordinator", "http://127.0.0.1:1"];
    assert_failure(batchsweep(&folder).args(error), 3, &["error: "]);
    assert_failure(batchsweep(&folder).args(["status", "-q", "-v"]), 2, &["cannot be used with"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let binary = env!("CARGO_BIN_EXE_batchsweep");
    let script = format!("'{binary}' completions bash | head -1");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
