//! Checkpoints in a bucket, which workers on any host see.

use std::fs;
use std::sync::mpsc;
use std::thread;

use nix::sys::signal::Signal;

use super::own_worker::OwnWorker;
use super::s3_server::{Bucket, SECRET};
use super::sandbox::{Sandbox, wait_for};

const STEPS: u64 = 8_000;

/// A server of buckets on a thread of its own.
fn bucket() -> Bucket {
    let (served, serving) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            served.send(Bucket::serve().await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    serving.recv().unwrap()
}

#[test]
fn a_trial_goes_on_from_a_bucket_on_another_worker() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let bucket = bucket();
    let worker = |name: &str| {
        let store = ["--checkpoint-store", "s3://models/of/fleet", "--checkpoint-interval", "0"];
        let spool = sandbox.state().file(&format!("{name}-spool"));
        OwnWorker::start_with(&sandbox, name, &spool, &store, bucket.right())
    };
    let mut one = worker("one");
    let text = format!(
        "[data]\nformat = \"synthetic\"\nexamples = 300\nfeatures = [20]\nclasses = 3\n\
         [model]\nkind = \"mlp\"\nhidden = [30]\n[grid]\nbatch_size = [16]\nlearning_rate = [0.01]\n\
         [train]\nsteps = {STEPS}\noptimizer = \"adam\"\n[memory]\nmicro_batch = 4\n"
    );
    sandbox.read(&["submit", &sandbox.file("saved.toml", &text).to_string_lossy()]);
    wait_for("first steps", || {
        let told =
            sandbox.rows(&["sql", "select count(*) as n from batchsweep.metric where name = 'train_loss'"]);
        (told[0]["n"].as_u64().unwrap() > 0).then_some(())
    });
    one.agent().signal(Signal::SIGTERM);
    assert!(one.ended());
    assert_eq!(bucket.files("of/fleet"), 1);

    let two = worker("two");
    sandbox.read(&["watch", "@last"]);
    assert_eq!(two.times_said("goes on from a checkpoint"), 1);
    let row = &sandbox.rows(&["results", "@last"])[0];
    assert_eq!((&row["status"], &row["steps"]), (&"succeeded".into(), &STEPS.into()));
    wait_for("an empty bucket", || (bucket.files("") == 0).then_some(()));
    for log in [&one.log, &two.log] {
        assert!(!fs::read_to_string(log).unwrap().contains(SECRET), "the secret is in {}", log.display());
    }
}
