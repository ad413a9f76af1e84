//! A trial outlives its trainer, its agent and its worker: the next attempt goes on from what was saved, and what comes out
//! is what an undisturbed trial gives, to the last bit.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Map, Value};

use super::own_worker::OwnWorker;
use super::sandbox::{Sandbox, trainer_of, wait_for};

/// Batch normalisation, dropout, Adam, a learning rate that changes, validation, and four micro-batches a step.
pub fn sweep(sandbox: &Sandbox, steps: u64) -> String {
    let text = format!(
        "[data]\nformat = \"synthetic\"\nexamples = 300\nfeatures = [1, 8, 8]\nclasses = 3\nlabels = \"teacher\"\n\
         validation = 44\n[model]\nkind = \"cnn\"\nchannels = [4]\nhidden = [8]\nnorm = \"batch\"\ndropout = 0.2\n\
         [grid]\nbatch_size = [32]\nlearning_rate = [0.003]\n[train]\nsteps = {steps}\noptimizer = \"adam\"\n\
         schedule = \"cosine\"\nwarmup_steps = 100\n[memory]\nmicro_batch = 8\n"
    );
    sandbox.file("saved.toml", &text).to_string_lossy().into_owned()
}

/// All that the last sweep's only trial came to, but for what the clock and the number of tries say.
fn outcome(sandbox: &Sandbox) -> (Map<String, Value>, Vec<Value>, Vec<Value>, String) {
    let mut row = sandbox.rows(&["results", "@last"]).remove(0).as_object().unwrap().clone();
    let sweep = row["sweep_id"].as_str().unwrap().to_owned();
    for different in [
        "sweep_id",
        "sweep_name",
        "trial_id",
        "attempts",
        "worker",
        "train_seconds",
        "examples_per_second",
        "seconds_to_target",
        "started_at",
        "finished_at",
    ] {
        row.remove(different);
    }
    let of = |what: &str| sandbox.rows(&["sql", &what.replace("SWEEP", &format!("'{sweep}'"))]);
    let points = of(
        "select attempt - max(attempt) over () as attempt, name, step, examples, value from batchsweep.metric \
         where sweep_id = SWEEP order by name, step, value",
    );
    let splits = of(
        "select kind, from_step, micro_batch, accumulation_steps, predicted_peak_bytes, reason from batchsweep.split \
         where sweep_id = SWEEP order by from_step",
    );
    let model = of(
        "select text from batchsweep.log where sweep_id = SWEEP and text like 'SHA-256 of the trained model%'",
    );
    assert_eq!(model.len(), 1, "{model:?}");
    (row, points, splits, model[0]["text"].as_str().unwrap().to_owned())
}

fn attempts(sandbox: &Sandbox) -> Vec<Value> {
    let newest = "(select max(sweep_id) from batchsweep.attempt)";
    sandbox.rows(&[
        "sql",
        &format!("select * from batchsweep.attempt where sweep_id = {newest} order by attempt"),
    ])
}

struct Folders {
    spool: PathBuf,
    store: String,
}

impl Folders {
    fn of(sandbox: &Sandbox) -> Self {
        let file = |name| sandbox.state().file(name);
        Self { spool: file("own-spool"), store: file("own-store").to_string_lossy().into_owned() }
    }

    fn worker(&self, sandbox: &Sandbox, name: &str, arguments: &[&str]) -> OwnWorker {
        let store = ["--checkpoint-store", &self.store];
        OwnWorker::start(sandbox, name, &self.spool, &[&store, arguments].concat())
    }

    /// Nothing is left of trials that have a result.
    fn assert_empty(&self) {
        let kept = |entry: &fs::DirEntry| entry.file_name() != ".in-use";
        let count = |folder: &str| fs::read_dir(folder).map_or(0, |all| all.flatten().filter(kept).count());
        wait_for("empty folders", || {
            (count(&self.store) == 0 && count(&self.spool.to_string_lossy()) == 0).then_some(())
        });
    }
}

#[test]
fn a_trial_killed_20_times_at_random_ends_as_an_undisturbed_one() {
    const STEPS: u64 = 12_000;
    const SAVING: [&str; 2] = ["--checkpoint-steps", "20"];
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let folders = Folders::of(&sandbox);
    let mut worker = folders.worker(&sandbox, "own", &[]);
    sandbox.read(&["submit", &sweep(&sandbox, STEPS), "--wait"]);
    let undisturbed = outcome(&sandbox);
    assert_eq!(attempts(&sandbox).len(), 1);
    drop(worker);

    worker = folders.worker(&sandbox, "own", &SAVING);
    sandbox.read(&["submit", &sweep(&sandbox, STEPS)]);
    let mut random: u64 = 4;
    let mut saves = 0;
    for kill in 0..20 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        wait_for("a checkpoint of this attempt", || (worker.times_said(" saved ") > saves).then_some(()));
        // Anywhere in the steps that follow, or in the saving of the next one.
        thread::sleep(Duration::from_micros((random >> 33) % 60_000));
        let Some(trainer) = trainer_of(worker.agent()) else {
            panic!("the trial has ended before kill {kill}")
        };
        if (random >> 20).is_multiple_of(3) {
            worker.agent().signal(Signal::SIGKILL);
            drop(worker);
            wait_for("the end of the trainer", || (!trainer.is_alive()).then_some(()));
            saves = fs::read_to_string(sandbox.state().file("own.log")).unwrap().matches(" saved ").count();
            worker = folders.worker(&sandbox, "own", &SAVING);
        } else {
            let gone = worker.times_said("killed by signal 9");
            trainer.signal(Signal::SIGKILL);
            wait_for("news of the kill", || (worker.times_said("killed by signal 9") > gone).then_some(()));
            saves = worker.times_said(" saved ");
        }
    }
    sandbox.read(&["watch", "@last"]);
    let tries = attempts(&sandbox);
    assert_eq!(tries.len(), 21, "{tries:?}");
    let disturbed = outcome(&sandbox);
    assert_eq!(disturbed.3, undisturbed.3, "the model");
    assert_eq!(disturbed.0, undisturbed.0, "the result");
    assert_eq!(disturbed.2, undisturbed.2, "the splits");
    assert_eq!(disturbed.1.len(), undisturbed.1.len(), "the number of points");
    assert!(disturbed.1 == undisturbed.1, "a point of a curve differs");
    let went_on = sandbox.rows(&[
        "sql",
        "select count(distinct attempt) as n from batchsweep.log where text like 'goes on after step %'",
    ]);
    assert_eq!(went_on[0]["n"], 20);
    folders.assert_empty();
}

#[test]
fn a_worker_that_is_told_to_stop_saves_its_trial_and_another_one_goes_on() {
    const STEPS: u64 = 8_000;
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let folders = Folders::of(&sandbox);
    let mut one = folders.worker(&sandbox, "one", &["--checkpoint-interval", "0"]);
    sandbox.read(&["submit", &sweep(&sandbox, STEPS)]);
    wait_for("first steps", || (sandbox.steps_told() > 0).then_some(()));
    assert_eq!(one.times_said(" saved "), 0, "nobody has asked for it");
    one.agent().signal(Signal::SIGUSR1);
    wait_for("a checkpoint", || (one.times_said(" saved ") == 1).then_some(()));
    one.agent().signal(Signal::SIGTERM);
    assert!(one.ended());
    assert_eq!(one.times_said(" saved "), 2);
    let before = sandbox.steps_told();
    assert!(before < STEPS, "it ended before it was told to stop");

    let two = folders.worker(&sandbox, "two", &[]);
    sandbox.read(&["watch", "@last"]);
    let tries = attempts(&sandbox);
    let told = |name: &str| tries.iter().map(|attempt| attempt[name].clone()).collect::<Vec<_>>();
    assert_eq!(told("worker"), ["one", "two"]);
    assert_eq!(told("outcome"), ["released", "succeeded"]);
    assert_eq!(two.times_said("goes on from a checkpoint"), 1);
    assert_eq!(sandbox.steps_told(), STEPS);
    let went_on = format!("goes on after step {before} from the checkpoint of attempt 1");
    let log = sandbox.rows(&["sql", "select text from batchsweep.log where attempt = 2 order by seq"]);
    assert!(log.iter().any(|line| line["text"] == went_on.as_str()), "{went_on}: {log:?}");
    drop(two);

    let alone = folders.worker(&sandbox, "alone", &[]);
    let stopped_and_gone_on = outcome(&sandbox);
    sandbox.read(&["submit", &sweep(&sandbox, STEPS), "--wait"]);
    assert!(outcome(&sandbox) == stopped_and_gone_on, "an undisturbed trial gives something else");
    drop(alone);
    folders.assert_empty();
}

#[test]
fn a_damaged_checkpoint_costs_its_steps_and_nothing_else() {
    const STEPS: u64 = 6_000;
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let folders = Folders::of(&sandbox);
    let mut worker = folders.worker(&sandbox, "one", &["--checkpoint-steps", "50"]);
    sandbox.read(&["submit", &sweep(&sandbox, STEPS)]);
    wait_for("a checkpoint", || (worker.times_said(" saved ") > 0).then_some(()));
    worker.agent().signal(Signal::SIGTERM);
    assert!(worker.ended());
    let trial =
        fs::read_dir(PathBuf::from(&folders.store).join("checkpoints")).unwrap().next().unwrap().unwrap();
    let file = fs::read_dir(trial.path()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();

    worker = folders.worker(&sandbox, "two", &[]);
    sandbox.read(&["watch", "@last"]);
    let row = &sandbox.rows(&["results", "@last"])[0];
    assert_eq!(
        (&row["status"], &row["steps"], &row["attempts"]),
        (&"succeeded".into(), &STEPS.into(), &2.into())
    );
    let log = sandbox.rows(&["sql", "select level, text from batchsweep.log where attempt = 2 order by seq"]);
    assert_eq!(log[0]["level"], "warning");
    let text = log[0]["text"].as_str().unwrap();
    assert!(text.contains("the trial starts over") && text.contains("damaged"), "{text}");
    assert_eq!(sandbox.steps_told(), STEPS);
    drop(worker);
    folders.assert_empty();
}
