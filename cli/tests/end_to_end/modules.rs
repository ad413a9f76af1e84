//! A model of one's own, from a look into its file to a sweep.

use serde_json::Value;

use super::own_worker::OwnWorker;
use super::sandbox::{Sandbox, example};

#[test]
fn a_scripted_module_is_checked_and_then_trained_whole_and_in_micro_batches() {
    let sandbox = Sandbox::new();
    let module = example("scripted-module.pt");
    let checked = sandbox.rows(&["model", "check", &module, "--input", "1,28,28"]);
    let expected = [
        ("trained_elements", Value::from(3322)),
        ("outputs", Value::from(10)),
        ("seed_sets_weights", Value::from(true)),
        ("accumulation", Value::from("exact")),
    ];
    for (key, value) in expected {
        assert_eq!(checked[0][key], value, "{key} of {}", checked[0]);
    }

    let sweep = example("scripted-module.toml");
    let smaller =
        ["data.limit=1200", "data.validation=200", "grid.batch_size=[50, 500]", "grid.learning_rate=[0.01]"];
    let settings: Vec<&str> = smaller.into_iter().flat_map(|setting| ["--set", setting]).collect();
    sandbox.read(&[&["run", &sweep], &settings[..]].concat());
    let rows = sandbox.rows(&["results", "@last"]);
    assert_eq!(rows.len(), 2);
    for (row, (steps, accumulation)) in rows.iter().zip([(40, "none"), (4, "exact")]) {
        assert_eq!(
            (row["status"].as_str(), row["steps"].as_u64()),
            (Some("succeeded"), Some(steps)),
            "{row}"
        );
        assert_eq!(row["accumulation"].as_str(), Some(accumulation), "{row}");
        assert_eq!(row["parameter_bytes"].as_u64(), Some(4 * 3322), "{row}");
        assert!(row["peak_memory_bytes"].as_u64().unwrap() <= 6 << 20, "{row}");
    }
}

#[test]
fn a_file_that_is_no_module_is_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("net.pt", "not a module");
    let output = sandbox.call(&["model", "check", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be used as a model") && said.contains("torch.jit.script"), "{said}");
    assert!(!said.contains("frame #") && !said.contains("panicked"), "{said}");
}

#[test]
fn code_of_users_waits_for_a_worker_that_was_started_for_it_and_says_so() {
    const LACK: &str = "no worker that runs was started with --allow-code";
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let spool = sandbox.state().file("own-spool");
    let careful = OwnWorker::start(&sandbox, "careful", &spool, &[]);
    let module = example("scripted-module.pt");
    let file = sandbox.file(
        "module.toml",
        &format!(
            "name = \"module\"\n[data]\nformat = \"synthetic\"\nexamples = 64\nfeatures = [1, 28, 28]\nclasses = 10\n\
             [model]\nkind = \"torchscript\"\npath = {module:?}\n\
             [grid]\nbatch_size = [32]\nlearning_rate = [0.01]\n[train]\nepochs = 1\n"
        ),
    );
    sandbox.read(&["submit", &file.to_string_lossy()]);
    // Other trials it takes.
    sandbox.read(&["submit", &example("seed.toml")]);
    sandbox.read(&["wait", "@last"]);
    assert!(careful.agent().is_alive());
    let shown = sandbox.call(&["show", "module"]);
    let said = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(said.contains(LACK) && said.contains("batchsweep-worker --allow-code"), "{said}");
    let watched = sandbox.call(&["watch", "module", "--timeout", "4s"]);
    assert_eq!(watched.status.code(), Some(124), "the sweep goes on");
    let said = String::from_utf8_lossy(&watched.stderr).into_owned();
    assert!(said.contains(LACK), "{said}");

    let _allowing = OwnWorker::start(&sandbox, "allowing", &spool, &["--allow-code"]);
    sandbox.read(&["wait", "module"]);
    let rows = sandbox.rows(&["results", "module"]);
    assert_eq!(
        (rows[0]["status"].as_str(), rows[0]["worker"].as_str()),
        (Some("succeeded"), Some("allowing"))
    );
}
