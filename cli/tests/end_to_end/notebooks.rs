//! What people do with results outside of batchsweep, with pandas, Polars, DuckDB, TensorBoard's files and a notebook.
//!
//! Needs the Python of `scripts/notebook-env`: named by `BATCHSWEEP_NOTEBOOK_PYTHON`, as `scripts/test` does, or found in the
//! cache. Where it was never made, these tests say so and check nothing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::sandbox::Sandbox;

const VARIABLE: &str = "BATCHSWEEP_NOTEBOOK_PYTHON";

fn python() -> Option<PathBuf> {
    if let Some(named) = env::var_os(VARIABLE) {
        return Some(PathBuf::from(named));
    }
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    let python = cache.join("batchsweep/notebook/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED, nothing was checked: there is no {}; run scripts/notebook-env", python.display());
        return None;
    }
    Some(python)
}

/// Runs a script of `tests/python/` in this folder; gives what it printed.
#[track_caller]
fn run(python: &Path, script: &str, arguments: &[&str], sandbox: &Sandbox, folder: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
    let programs = Path::new(env!("CARGO_BIN_EXE_batchsweep")).parent().unwrap();
    let output = Command::new(python)
        .arg(&script)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", format!("{}:{}", programs.display(), env::var("PATH").unwrap_or_default()))
        .env("BATCHSWEEP_STATE_DIR", sandbox.state().path())
        .env_remove("BATCHSWEEP_COORDINATOR")
        // Matplotlib and the kernel keep their files here, not in the user's home.
        .env("MPLCONFIGDIR", folder)
        .env("IPYTHONDIR", folder)
        .env("JUPYTER_RUNTIME_DIR", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run scripts/notebook-env", python.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} ended with {}:\n{said}", script.display(), output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn pandas_polars_duckdb_and_tbparse_read_what_is_there_without_a_cast() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let spec = sandbox.file("unused", "").with_file_name("mine.toml");
    let folder = spec.parent().unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    sandbox.read(&["init", &text(&spec)]);
    // With rates that diverge, and so with NULL where others have numbers; and with a search, which has every cell trained.
    let set = ["--set", "grid.learning_rate=[0.01, 1e30]", "--set", "search.max_trials=1000"];
    sandbox.read(&[&["run", &text(&spec)], &set[..]].concat());
    for format in ["csv", "parquet", "tensorboard"] {
        let out = text(&folder.join("exported").join(format));
        sandbox.read(&["export", "@last", "--format", format, "--out", &out]);
    }
    let url = sandbox.read(&["sql", "--url"]);
    let exported = text(&folder.join("exported"));
    let told = run(&python, "read_everything.py", &[url.trim(), &exported], &sandbox, folder);
    assert!(told.contains("12 views; without a row: queue_depth, warning\n"), "{told}");
    assert!(told.contains("read back equal"), "{told}");
}

#[test]
fn the_notebook_of_the_examples_runs_to_its_end() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let spec = sandbox.file("unused", "").with_file_name("mine.toml");
    let folder = spec.parent().unwrap();
    sandbox.read(&["init", spec.to_str().unwrap()]);
    sandbox.read(&["run", spec.to_str().unwrap()]);
    let notebook = super::sandbox::example("notebook.ipynb");
    let arguments = [notebook.as_str(), folder.to_str().unwrap()];
    let told = run(&python, "run_notebook.py", &arguments, &sandbox, folder);
    assert!(told.contains("pictures: heatmap rates curves memory"), "{told}");
}
