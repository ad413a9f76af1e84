//! Models in plain PyTorch, in the interpreter of an environment that has it: `BATCHSWEEP_PYTORCH_PYTHON`, as `scripts/test`
//! names it, or the one in the shared cache.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::own_worker::OwnWorker;
use super::sandbox::{Sandbox, example, wait_for};

const VARIABLE: &str = "BATCHSWEEP_PYTORCH_PYTHON";

fn python() -> String {
    std::env::var(VARIABLE).unwrap_or_else(|_| {
        let cache = std::env::var("XDG_CACHE_HOME")
            .map_or_else(|_| PathBuf::from(std::env::var("HOME").unwrap()).join(".cache"), PathBuf::from);
        let python = cache.join("batchsweep/pytorch/bin/python");
        assert!(python.exists(), "{VARIABLE} names no Python with torch; run bench/pytorch/setup");
        python.to_string_lossy().into_owned()
    })
}

fn call(sandbox: &Sandbox, python: &str, arguments: &[&str]) -> Output {
    sandbox.call_with(&[("BATCHSWEEP_PYTHON", python)], arguments)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A sweep of this model on 300 made-up examples.
fn sweep(sandbox: &Sandbox, name: &str, model: &str, batch_sizes: &str) -> String {
    let text = format!(
        "name = \"{name}\"\n[data]\nformat = \"synthetic\"\nexamples = 300\nfeatures = [12]\nclasses = 4\nlabels = \"teacher\"\n\
         [model]\n{model}\n[grid]\nbatch_size = {batch_sizes}\nlearning_rate = [0.1]\nseed = [3]\n\
         [train]\nepochs = 2\nmomentum = 0.9\n"
    );
    sandbox.file(&format!("{name}.toml"), &text).to_string_lossy().into_owned()
}

const NET: &str = "\
import random
from torch import nn

def build(width, widths=(8,)):
    print('built with', width)
    return nn.Sequential(nn.Linear(12, width), nn.ReLU(), nn.Linear(width, widths[0]), nn.ReLU(), nn.Linear(widths[0], 4))

class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 32), nn.BatchNorm1d(32), nn.Dropout(0.3), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, x):
        if self.training:
            x = x + random.gauss(0, 0.01)
        return self.layers(x)

def noisy():
    return Noisy()

def wrong():
    return 'a model'

class Raises(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 4)

    def forward(self, x):
        if self.training:
            raise ValueError('no such thing as a batch of %d' % len(x))
        return self.layer(x)
";

fn losses(sandbox: &Sandbox, name: &str) -> Vec<f64> {
    let query = format!(
        "select metric.value from batchsweep.metric join batchsweep.result using (trial_id) \
         where sweep_name = '{name}' and metric.name = 'train_loss' order by result.trial_index, metric.step"
    );
    let rows = sandbox.rows(&["sql", &query]);
    rows.iter().map(|row| row["value"].as_f64().unwrap()).collect()
}

#[test]
fn a_model_in_plain_pytorch_has_the_losses_of_the_same_built_in_one_whole_and_in_micro_batches() {
    let sandbox = Sandbox::new();
    let python = python();
    sandbox.file("net.py", NET);
    let sizes = "[25, 100]";
    let own = sweep(
        &sandbox,
        "own",
        "kind = \"python\"\npath = \"net.py\"\narguments = { width = 16, widths = [8] }",
        sizes,
    );
    let built_in = sweep(&sandbox, "built-in", "kind = \"mlp\"\nhidden = [16, 8]", sizes);
    let micro = ["--set", "memory.micro_batch=10"];
    for (file, more, name) in
        [(&own, &[][..], "own"), (&built_in, &[], "built-in"), (&own, &micro, "own-micro")]
    {
        let named = format!("name={name:?}");
        let run = call(&sandbox, &python, &[&["run", file, "--set", &named], more].concat());
        assert!(run.status.success(), "{}", said(&run));
    }
    let own = losses(&sandbox, "own");
    assert_eq!(own.len(), 2 * (12 + 3));
    for (other, tolerance) in [("built-in", 1e-6), ("own-micro", 1e-5)] {
        let other = losses(&sandbox, other);
        assert_eq!(own.len(), other.len());
        let worst = own
            .iter()
            .zip(&other)
            .map(|(one, two)| ((one - two) / one).abs())
            .max_by(f64::total_cmp)
            .unwrap();
        assert!(worst < tolerance, "{worst}");
    }
    let printed = "select count(*) as n from batchsweep.log where text = 'built with 16'";
    assert!(
        sandbox.rows(&["sql", printed])[0]["n"].as_u64().unwrap() >= 4,
        "each trial's own log has what it printed"
    );
    let rows = sandbox.rows(&["results", "own-micro"]);
    for row in &rows {
        assert_eq!(
            (row["status"].as_str(), row["accumulation"].as_str()),
            (Some("succeeded"), Some("exact")),
            "{row}"
        );
    }
    let parts = |rows: &[Value]| {
        rows.iter()
            .map(|row| (row["parameter_bytes"].clone(), row["gradient_bytes"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(parts(&rows), parts(&sandbox.rows(&["results", "built-in"])));
}

#[test]
fn a_python_model_that_draws_random_numbers_goes_on_with_the_same_bits() {
    let sandbox = Sandbox::new();
    sandbox.file("net.py", NET);
    let python = python();
    sandbox.read(&["up"]);
    let spool = sandbox.state().file("own-spool");
    let store = sandbox.state().file("own-store").to_string_lossy().into_owned();
    let worker = |name: &str| {
        let arguments =
            ["--allow-code", "--python", &python, "--checkpoint-store", &store, "--checkpoint-steps", "100"];
        OwnWorker::start(&sandbox, name, &spool, &arguments)
    };
    let model = format!(
        "kind = \"python\"\npath = {:?}\nfunction = \"noisy\"",
        sandbox.file("net.py", NET).to_string_lossy()
    );
    let steps = ["--set", "train.epochs=300"];
    let file = sweep(&sandbox, "whole", &model, "[25]");
    let first = worker("one");
    sandbox.read(&[&["submit", &file, "--wait"], &steps[..]].concat());
    let file = sweep(&sandbox, "stopped", &model, "[25]");
    sandbox.read(&[&["submit", &file], &steps[..]].concat());
    let before = first.times_said(" saved ");
    wait_for("a checkpoint", || (first.times_said(" saved ") > before).then_some(()));
    first.agent().signal(Signal::SIGKILL);
    drop(first);
    let _second = worker("two");
    sandbox.read(&["wait", "stopped"]);
    let attempts = sandbox
        .rows(&["sql", "select count(*) as n from batchsweep.log where text like 'goes on after step %'"]);
    assert_eq!(attempts[0]["n"], 1);
    let (whole, stopped) = (losses(&sandbox, "whole"), losses(&sandbox, "stopped"));
    assert_eq!(whole.len(), 300 * 12);
    assert!(whole == stopped, "a loss differs");
}

/// A worker that stays runs the code as it is now, also what is imported from beside the file.
#[test]
fn code_that_was_changed_is_not_run_as_it_was() {
    let sandbox = Sandbox::new();
    let python = python();
    let up = call(&sandbox, &python, &["up"]);
    assert!(up.status.success(), "{}", said(&up));
    let mut sizes = Vec::new();
    for (folder, width) in [("a", 8), ("a", 9), ("b", 10), ("a", 9)] {
        let folder = sandbox.file("empty", "").with_file_name(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("layers.py"), format!("WIDTH = {width:02}\n").replace("= 0", "= "))
            .unwrap();
        let net = "from torch import nn\nfrom layers import WIDTH\n\ndef build():\n    return nn.Sequential(nn.Linear(12, WIDTH), nn.Linear(WIDTH, 4))\n";
        std::fs::write(folder.join("net.py"), net).unwrap();
        let model = format!("kind = \"python\"\npath = {:?}", folder.join("net.py"));
        let run = call(&sandbox, &python, &["run", &sweep(&sandbox, "changed", &model, "[25]")]);
        assert!(run.status.success(), "{}", said(&run));
        sizes.push(sandbox.rows(&["results", "@last"])[0]["parameter_bytes"].as_u64().unwrap());
    }
    assert_eq!(sizes, [8, 9, 10, 9].map(|width| 4 * (12 * width + width + 4 * width + 4)));
}

#[test]
fn the_files_of_init_run_as_they_are() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("empty", "").with_file_name("mine.toml");
    let file = file.to_str().unwrap();
    sandbox.read(&["init", "--python", file]);
    assert_eq!(sandbox.call(&["init", "--python", file]).status.code(), Some(2), "they are there already");
    let run = call(&sandbox, &python(), &["run", file, "--set", "grid.batch_size=[128]"]);
    assert!(run.status.success(), "{}", said(&run));
    let rows = sandbox.rows(&["results", "@last"]);
    assert!(rows.len() == 4 && rows.iter().all(|row| row["status"] == "succeeded"), "{rows:?}");
}

/// The row of the only trial of an example, with these settings.
fn only_row(sandbox: &Sandbox, file: &str, settings: &[&str]) -> Value {
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let run = call(sandbox, &python(), &[&["run", &example(file)], &settings[..]].concat());
    assert!(run.status.success(), "{}", said(&run));
    sandbox.rows(&["results", "@last"])[0].clone()
}

#[test]
fn the_examples_of_python_models_learn() {
    let sandbox = Sandbox::new();
    let up = call(&sandbox, &python(), &["up"]);
    assert!(up.status.success(), "{}", said(&up));
    let one = ["grid.batch_size=[64]", "grid.learning_rate=[0.01]"];

    let row = only_row(&sandbox, "python-model/sweep.toml", &[&["data.limit=1200"], &one[..]].concat());
    assert!(row["final_validation_accuracy"].as_f64().unwrap() > 0.3, "{row}");
    assert_eq!(row["task"], "classification");

    let row = only_row(&sandbox, "python-model/regression.toml", &one);
    assert_eq!((row["task"].as_str(), &row["final_validation_accuracy"]), (Some("regression"), &Value::Null));
    assert!(row["final_validation_loss"].as_f64().unwrap() < 0.2, "{row}");

    only_row(&sandbox, "python-model/regression.toml", &[&["grid.model.width=[8, 16]"], &one[..]].concat());
    let rows = sandbox.rows(&["results", "@last"]);
    let widths = rows.iter().map(|row| {
        let width = sandbox.rows(&[
            "sql",
            &format!(
                "select (parameters::jsonb ->> 'model.width')::bigint as width from batchsweep.result where trial_id = '{}'",
                row["trial_id"].as_str().unwrap()
            ),
        ]);
        (width[0]["width"].as_u64().unwrap(), row["parameter_bytes"].as_u64().unwrap())
    });
    let bytes = |width: u64| 4 * (3 * width + width * (width + 1) + width + 1);
    assert_eq!(widths.collect::<Vec<_>>(), [8, 16].map(|width| (width, bytes(width))));

    let row = only_row(&sandbox, "python-model/two-heads.toml", &one);
    let metrics: Value = serde_json::from_str(row["metrics"].as_str().unwrap()).unwrap();
    assert!(metrics["quadrant_accuracy"].as_f64().unwrap() > 0.8, "{metrics}");
    let curve = sandbox.rows(&["metrics", "@last", "--name", "distance_mse"]);
    assert!(curve.len() > 5 && curve[0]["value"].as_f64() > metrics["distance_mse"].as_f64(), "{curve:?}");
    for (name, expected) in [
        ("distance_msee", "no metric `distance_msee` was reported"),
        ("trian_loss", "did you mean `train_loss`?"),
    ] {
        let wrong = call(&sandbox, &python(), &["metrics", "@last", "--name", name]);
        assert_eq!(wrong.status.code(), Some(2), "{}", said(&wrong));
        assert!(said(&wrong).contains(expected), "{}", said(&wrong));
    }
}

#[test]
fn what_keeps_a_python_model_from_being_trained_is_one_sentence_before_anything_is_submitted() {
    let sandbox = Sandbox::new();
    let with_torch = python();
    sandbox.file("net.py", NET);
    sandbox.file("broken.py", "import no_such_thing\n");
    let cases = [
        ("missing.py", "build", "No such file"),
        ("broken.py", "build", "No module named 'no_such_thing'"),
        ("net.py", "biuld", "no attribute 'biuld'"),
        ("net.py", "build", "missing 1 required positional argument: 'width'"),
        ("net.py", "wrong", "not a torch.nn.Module"),
        ("net.py", "Raises", "ValueError: no such thing as a batch of"),
    ];
    for (path, function, expected) in cases {
        let model = format!("kind = \"python\"\npath = {path:?}\nfunction = {function:?}");
        let file = sweep(&sandbox, "wrong", &model, "[25]");
        // Both try the same out; each start of an interpreter takes seconds.
        let verbs: &[&str] = if function == "wrong" { &["plan", "run"] } else { &["plan"] };
        for verb in verbs {
            let output = call(&sandbox, &with_torch, &[verb, &file]);
            let text = said(&output);
            assert_eq!(output.status.code(), Some(2), "{verb} {path} {function}: {text}");
            assert!(text.contains(expected), "{verb} {path} {function}: {text}");
            assert!(!text.contains("panicked") && !text.contains("frame #"), "{text}");
        }
    }
    let model = "kind = \"python\"\npath = \"net.py\"\narguments = { width = 8 }";
    let file = sweep(&sandbox, "wrong", model, "[25]");
    let script = |name: &str, text: &str| {
        let file = sandbox.file(name, &format!("#!/bin/sh\n{text} \"$@\"\n"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file.to_string_lossy().into_owned()
    };
    let folder = sandbox.file("empty", "").parent().unwrap().join("other");
    std::fs::create_dir_all(folder.join("torch")).unwrap();
    std::fs::write(folder.join("torch/__init__.py"), "__version__ = '2.9.1+cu130'\n").unwrap();
    let without = script("without-torch", &format!("exec '{with_torch}' -S"));
    let other = script("other-torch", &format!("PYTHONPATH='{}' exec '{with_torch}'", folder.display()));
    for (python, expected) in [
        ("/no/such/python", "/no/such/python cannot be started"),
        (&without, "has no torch; install it with: "),
        (&other, "has torch 2.9.1, and this worker was built for 2.13.0; install it with: "),
    ] {
        for verb in ["plan", "run"] {
            let output = call(&sandbox, python, &[verb, &file]);
            assert_eq!(output.status.code(), Some(2), "{verb} by {python}: {}", said(&output));
            assert!(said(&output).contains(expected), "{verb} by {python}: {}", said(&output));
        }
    }
    assert_eq!(sandbox.rows(&["ls"]).len(), 0, "nothing was submitted");
}
