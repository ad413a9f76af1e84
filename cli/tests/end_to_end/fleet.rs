//! What one worker found out, the others know: the memory of trials, and which data a sweep is trained on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::sandbox::Sandbox;

/// Batches of 8 fit in 200 KiB, batches of 512 do not.
const SWEEP: &str = r#"
name = "tight"
[data]
format = "synthetic"
examples = 4096
features = [64]
classes = 2
[model]
kind = "mlp"
hidden = [32]
[grid]
batch_size = [8, 512]
learning_rate = [0.01]
[train]
steps = 8
[memory]
budget = "200KiB"
"#;

fn number(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap_or_else(|| panic!("`{name}` in {row}"))
}

/// How batches were split and what peak was predicted, by batch size: the same in every row of one.
fn plans(rows: &[Value]) -> BTreeMap<u64, (u64, u64, u64)> {
    let mut plans = BTreeMap::new();
    for row in rows {
        let numbers = ["micro_batch", "accumulation_steps", "predicted_peak_memory_bytes"]
            .map(|name| number(row, name));
        let plan = (numbers[0], numbers[1], numbers[2]);
        assert_eq!(*plans.entry(number(row, "batch_size")).or_insert(plan), plan, "{row}");
    }
    plans
}

fn ooms(rows: &[Value]) -> u64 {
    rows.iter().map(|row| number(row, "oom_count")).sum()
}

/// The lines of the logs of one sweep's trials that tell how they were planned.
fn plannings(sandbox: &Sandbox, sweep: &str) -> Vec<String> {
    let query = format!(
        "select l.text from batchsweep.log l join batchsweep.sweep s using (sweep_id) \
         where s.sweep_name = '{sweep}' and l.text like '%planned%' order by l.text"
    );
    let rows = sandbox.rows(&["sql", &query]);
    rows.iter().map(|row| row["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_one_worker_found_out_no_other_one_finds_out_again() {
    let sandbox = Sandbox::new();
    let sweep = sandbox.file("tight.toml", SWEEP);
    let path = sweep.to_string_lossy();
    sandbox.read(&["run", &path]);
    let first = sandbox.rows(&["results", "@last"]);
    assert!(ooms(&first) > 0, "somebody has to run out of memory: {first:?}");
    assert!(first.iter().any(|row| number(row, "accumulation_steps") > 1), "{first:?}");

    // Two other processes, other trials of the same kinds.
    let others = ["--set", "grid.seed=[5, 6, 7]", "--set", "grid.learning_rate=[0.1]", "--set", "name=again"];
    sandbox.read(&[["run", &path, "--workers", "2"].as_slice(), &others].concat());
    let again = sandbox.rows(&["results", "@last"]);
    assert_eq!((again.len(), ooms(&again)), (6, 0), "{again:?}");
    let known = "its memory was known: planned without running a micro-batch";
    assert_eq!(plannings(&sandbox, "again"), [known; 6]);
    assert_eq!(plans(&again), plans(&first));

    // And the plan of the file, which starts the database for its question.
    let planned = sandbox.call(&["plan", &path, "-o", "json"]);
    let said = String::from_utf8_lossy(&planned.stderr);
    assert!(said.contains("no micro-batch had to be run: what they take was known"), "{said}");
    let planned: Vec<Value> = serde_json::from_slice(&planned.stdout).unwrap();
    assert_eq!(plans(&planned), plans(&first));
    assert_eq!(sandbox.processes(), []);
}

#[test]
fn a_budget_that_is_too_small_is_run_out_of_once_and_says_nothing_about_a_larger_one() {
    let sandbox = Sandbox::new();
    let sweep = sandbox.file("tight.toml", SWEEP);
    let path = sweep.to_string_lossy();
    let run = |budget: &str, seeds: &str| {
        let budget = format!("memory.budget='{budget}'");
        let seeds = format!("grid.seed={seeds}");
        sandbox.read(&["run", &path, "--set", &budget, "--set", &seeds, "--set", "grid.batch_size=[512]"]);
        sandbox.rows(&["results", "@last"])
    };
    let small = run("200KiB", "[0, 1]");
    assert!(number(&small[0], "oom_count") > 0 && number(&small[1], "oom_count") == 0, "{small:?}");
    let large = run("300KiB", "[0]");
    assert!(number(&large[0], "micro_batch") > number(&small[0], "micro_batch"), "{large:?}");
    let small_again = run("200KiB", "[0, 2, 3]");
    assert_eq!(ooms(&small_again), 0);
    assert_eq!(plans(&small_again), plans(&small));

    // Also what fits in no way is told as a plan, with its reason.
    let never = run("10KiB", "[0]");
    assert_eq!(never[0]["status"], "infeasible");
    let query = "select s.kind, s.micro_batch, s.predicted_peak_bytes, s.reason from batchsweep.split s \
                 join batchsweep.result r using (sweep_id, trial_id) where r.status = 'infeasible'";
    let splits = sandbox.rows(&["sql", query]);
    assert_eq!(
        (splits.len(), &splits[0]["kind"], &splits[0]["micro_batch"]),
        (1, &"planned".into(), &Value::Null)
    );
    assert_eq!(splits[0]["predicted_peak_bytes"], never[0]["predicted_peak_memory_bytes"]);
    assert_eq!(splits[0]["reason"], never[0]["error"]);
}

/// 64 images of 4 x 4 pixels in MNIST's format, all of this label.
fn write_idx(folder: &Path, label: u8) {
    fs::create_dir_all(folder).unwrap();
    let images = [[0, 0, 8, 3, 0, 0, 0, 64, 0, 0, 0, 4, 0, 0, 0, 4].as_slice(), &[7; 64 * 16]].concat();
    let labels = [[0, 0, 8, 1, 0, 0, 0, 64].as_slice(), &[label; 63], &[1]].concat();
    for (name, bytes) in [("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)] {
        // Renamed into place: a trainer never reads half of it.
        let path = folder.join(format!("{name}.new"));
        fs::write(&path, bytes).unwrap();
        fs::rename(&path, folder.join(name)).unwrap();
    }
}

#[test]
fn a_worker_with_other_data_than_the_sweeps_fails_its_trials_and_says_why() {
    let sandbox = Sandbox::new();
    let sweep = sandbox.file(
        "files.toml",
        "[data]\nformat = \"idx\"\npath = \"files\"\n[model]\nkind = \"linear\"\n[grid]\nbatch_size = [8]\n\
         learning_rate = [0.01]\nseed = [0, 1]\n[train]\nsteps = 100000000\n",
    );
    let folder = sweep.with_file_name("files");
    write_idx(&folder, 0);
    let mut run = sandbox.start(&["run", &sweep.to_string_lossy()]);
    run.wait_for_line("2 trials");
    let hash = super::sandbox::wait_for("the hash of the data", || {
        let rows = sandbox.rows(&["sql", "select data_sha256 from batchsweep.sweep"]);
        rows[0]["data_sha256"].as_str().map(str::to_owned)
    });
    // The next trainer finds other files.
    write_idx(&folder, 1);
    sandbox.trainer().signal(Signal::SIGKILL);
    let (code, _, said) = run.finish();
    assert_eq!(code, Some(1), "{said}");
    let rows = sandbox.rows(&["results", "@last"]);
    for row in &rows {
        let error = row["error"].as_str().unwrap();
        assert_eq!(row["status"], "failed");
        for part in [hash.as_str(), &folder.to_string_lossy(), "same files to every worker"] {
            assert!(error.contains(part), "`{part}` is not in {error}");
        }
    }
    let other = sandbox.rows(&["sql", "select data_sha256 from batchsweep.sweep"]);
    assert_eq!(other[0]["data_sha256"].as_str(), Some(hash.as_str()), "the sweep's data is what it was");
}
