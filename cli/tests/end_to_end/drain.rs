//! Machines out of service: nothing that they train is lost, and they get nothing until they are put back.

use std::path::PathBuf;

use serde_json::Value;

use super::own_worker::OwnWorker;
use super::sandbox::{Sandbox, example, wait_for};

/// One long trial, on random data.
fn sweep(sandbox: &Sandbox, steps: u64) -> String {
    let text = format!(
        "name = \"long\"\n[data]\nformat = \"synthetic\"\nexamples = 300\nfeatures = [32]\nclasses = 3\n\
         [model]\nkind = \"mlp\"\nhidden = [16]\n[grid]\nbatch_size = [32]\nlearning_rate = [0.003]\n\
         [train]\nsteps = {steps}\noptimizer = \"adam\"\n"
    );
    sandbox.file("long.toml", &text).to_string_lossy().into_owned()
}

fn status(sandbox: &Sandbox, name: &str) -> Value {
    let workers = sandbox.rows(&["workers"]);
    workers.into_iter().find(|worker| worker["worker"] == name).unwrap()["status"].clone()
}

struct Shared {
    spool: PathBuf,
    store: String,
}

impl Shared {
    fn worker(&self, sandbox: &Sandbox, name: &str) -> OwnWorker {
        let store = ["--checkpoint-store", &self.store, "--checkpoint-interval", "0"];
        OwnWorker::start(sandbox, name, &self.spool, &store)
    }
}

#[test]
fn a_worker_that_is_drained_now_saves_its_trial_and_another_one_goes_on() {
    const STEPS: u64 = 60_000;
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let store = sandbox.state().file("own-store").to_string_lossy().into_owned();
    let shared = Shared { spool: sandbox.state().file("own-spool"), store };
    let one = shared.worker(&sandbox, "one");
    sandbox.read(&["submit", &sweep(&sandbox, STEPS)]);
    wait_for("first steps", || (sandbox.steps_told() > 0).then_some(()));

    let nearly = sandbox.call(&["workers", "drain", "oen"]);
    let said = String::from_utf8_lossy(&nearly.stderr).into_owned();
    assert_eq!(nearly.status.code(), Some(5), "{said}");
    assert!(said.contains("see who is there with: batchsweep workers"), "{said}");
    let drained = sandbox.call(&["workers", "drain", "one", "--now", "--wait", "--timeout", "5m"]);
    let said = String::from_utf8_lossy(&drained.stderr).into_owned();
    assert_eq!(drained.status.code(), Some(0), "{said}");
    assert!(
        said.contains("saves 1 trial and gives") && said.contains("nothing runs there any more"),
        "{said}"
    );
    assert_eq!(status(&sandbox, "one"), "drained");
    let before = sandbox.steps_told();
    assert!(before < STEPS, "it ended before it was drained");
    assert_eq!((one.times_said(" saved "), one.times_said("taken out of service")), (1, 1));
    assert!(one.agent().is_alive(), "it stays, and waits");

    let two = shared.worker(&sandbox, "two");
    sandbox.read(&["wait", "long"]);
    let tries = sandbox.rows(&["sql", "select worker, outcome from batchsweep.attempt order by attempt"]);
    let told = |name: &str| tries.iter().map(|attempt| attempt[name].clone()).collect::<Vec<_>>();
    assert_eq!(
        (told("worker"), told("outcome")),
        (vec!["one".into(), "two".into()], vec!["released".into(), "succeeded".into()])
    );
    assert_eq!(two.times_said("goes on from a checkpoint"), 1);
    assert_eq!(sandbox.steps_told(), STEPS);

    // What was asked for stands with the name: a new process of it gets nothing either.
    drop((one, two));
    let one = shared.worker(&sandbox, "one");
    wait_for("the new process", || (one.times_said("taken out of service") == 2).then_some(()));
    let waits = sandbox.read(&["submit", &example("seed.toml")]);
    let given_up = sandbox.call(&["wait", waits.trim(), "--timeout", "2"]);
    assert_eq!(given_up.status.code(), Some(124));
    let listed = sandbox.call(&["workers"]);
    let said = String::from_utf8_lossy(&listed.stderr).into_owned();
    assert!(said.contains("batchsweep workers resume one"), "{said}");
    sandbox.read(&["workers", "resume", "one"]);
    sandbox.read(&["wait", waits.trim()]);
    assert_eq!(status(&sandbox, "one"), "idle");
}

#[test]
fn a_worker_that_is_drained_finishes_its_trial_and_takes_no_other() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let worker = sandbox.rows(&["workers"])[0]["worker"].as_str().unwrap().to_owned();
    let two_seeds = ["--set", "grid.seed=[0, 1]"];
    sandbox.read(&[&["submit", &sweep(&sandbox, 20_000)], &two_seeds[..]].concat());
    wait_for("first steps", || (sandbox.steps_told() > 0).then_some(()));
    let drained = sandbox.call(&["workers", "drain", &worker, "--wait"]);
    let said = String::from_utf8_lossy(&drained.stderr).into_owned();
    assert_eq!(drained.status.code(), Some(0), "{said}");
    assert!(said.contains("once it has finished 1 trial"), "{said}");
    let trials = sandbox.rows(&["trials", "long"]);
    let statuses: Vec<_> = trials.iter().map(|trial| trial["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["succeeded", "pending"]);

    // Also when the coordinator is started again in between.
    sandbox.read(&["down"]);
    sandbox.read(&["up"]);
    assert_eq!(status(&sandbox, &worker), "drained");
    sandbox.read(&["workers", "resume", &worker]);
    sandbox.read(&["wait", "long"]);
}
