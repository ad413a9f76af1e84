//! Files of trials that were given up do not stay in the workers' store.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cli::local::{postgres, socket};

use super::own_worker::OwnWorker;
use super::sandbox::{Sandbox, wait_for};

/// A coordinator that ends with its test.
struct Impatient(Child);

impl Impatient {
    /// A second one on the stack's database, which keeps checkpoints for a moment only.
    fn start(sandbox: &Sandbox) -> Self {
        let server = postgres::running(sandbox.state()).unwrap();
        let coordinator = Command::new(
            Path::new(env!("CARGO_BIN_EXE_batchsweep")).with_file_name("batchsweep-coordinator"),
        )
        .args([
            "serve",
            "--http-listen=off",
            "--listen=127.0.0.1:0",
            "--keep-checkpoints=1s",
            "--database-url",
        ])
        .arg(socket::url(&server.socket_folder, "batchsweep_owner"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
        Self(coordinator.unwrap())
    }
}

impl Drop for Impatient {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn checkpoints_of_a_cancelled_trial_are_kept_for_a_retry_and_removed_when_none_came() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let store = sandbox.state().file("own-store");
    let worker = OwnWorker::start(
        &sandbox,
        "one",
        &sandbox.state().file("own-spool"),
        &["--checkpoint-steps", "20", "--checkpoint-store", &store.to_string_lossy()],
    );
    // Steps that take a while: a fast one would tell more than is stored in the same time.
    let text = "name = \"given-up\"\n[data]\nformat = \"synthetic\"\nexamples = 2000\nfeatures = [20]\nclasses = 3\n\
                [model]\nkind = \"mlp\"\nhidden = [512, 512]\n[grid]\nbatch_size = [256]\nlearning_rate = [0.003]\n[train]\nsteps = 100000000\n";
    let sweep = sandbox.file("given-up.toml", text);
    sandbox.read(&["submit", &sweep.to_string_lossy()]);
    let saved_twice = || worker.times_said(" saved ") > 1;
    wait_for("checkpoints", || saved_twice().then_some(()));
    sandbox.read(&["cancel", "given-up"]);
    sandbox.read(&["wait", "given-up"]);
    let files = || fs::read_dir(store.join("checkpoints")).map_or(0, Iterator::count);
    assert_eq!(files(), 1, "a week is not over");
    sandbox.read(&["retry", "given-up"]);
    wait_for("the next attempt", || (worker.times_said("goes on from a checkpoint") == 1).then_some(()));
    sandbox.read(&["cancel", "given-up"]);
    sandbox.read(&["wait", "given-up"]);

    let _impatient = Impatient::start(&sandbox);
    wait_for("an empty store", || (files() == 0).then_some(()));
    // It says so once the last file is gone.
    wait_for("its word", || (worker.times_said("its checkpoints are removed") == 1).then_some(()));
    // Tried again, it starts over and is saved as before.
    let saved = worker.times_said(" saved ");
    sandbox.read(&["retry", "given-up"]);
    wait_for("new checkpoints", || (worker.times_said(" saved ") > saved).then_some(()));
    assert_eq!(worker.times_said("goes on from a checkpoint"), 1);
    sandbox.read(&["cancel", "given-up"]);
}
