//! A coordinator that is away costs no step and no attempt; what a killed agent leaves is handed in by the next one; a
//! trainer that does nothing is found out.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use cli::local::record::Record;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::own_worker::OwnWorker;
use super::sandbox::{Sandbox, wait_for};

/// How long the coordinator is away: longer than the local stack's leases of 10 s.
fn outage() -> Duration {
    let seconds = std::env::var("BATCHSWEEP_TEST_OUTAGE_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(12))
}

fn sweep(sandbox: &Sandbox, steps: u64) -> String {
    let text = format!(
        "name = \"long\"\n[data]\nformat = \"synthetic\"\nexamples = 2000\nfeatures = [20]\nclasses = 2\n[model]\nkind = \
         \"mlp\"\nhidden = [256, 256]\n[grid]\nbatch_size = [16]\nlearning_rate = [0.01]\n[train]\nsteps = {steps}\n"
    );
    sandbox.file("long.toml", &text).to_string_lossy().into_owned()
}

/// One attempt, and one loss for each step of it.
fn assert_undisturbed(sandbox: &Sandbox, steps: u64) {
    let row = &sandbox.rows(&["results", "@last"])[0];
    assert_eq!(
        (&row["status"], &row["attempts"], &row["steps"]),
        (&"succeeded".into(), &1.into(), &steps.into())
    );
    let query = "select count(*) as points, count(distinct step) as steps, max(step) as last from batchsweep.metric \
                 where name = 'train_loss'";
    let points = &sandbox.rows(&["sql", query])[0];
    let steps = Value::from(steps);
    assert_eq!((&points["points"], &points["steps"], &points["last"]), (&steps, &steps, &steps));
}

#[test]
fn a_coordinator_that_is_away_for_longer_than_a_lease_costs_no_step_and_no_attempt() {
    let steps = 40_000 + 2_500 * outage().as_secs();
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    sandbox.read(&["submit", &sweep(&sandbox, steps)]);
    wait_for("first steps", || (sandbox.steps_told() > 0).then_some(()));
    sandbox.record().coordinator.unwrap().signal(Signal::SIGKILL);
    let away = Instant::now();
    std::thread::sleep(outage());
    sandbox.read(&["up"]);
    eprintln!("the coordinator was away for {:.1} s of {steps} steps", away.elapsed().as_secs_f64());
    sandbox.read(&["watch", "@last"]);
    assert_undisturbed(&sandbox, steps);
    // All of it is acknowledged, so nothing is kept.
    wait_for("an empty spool", || {
        (fs::read_dir(sandbox.state().file("spool")).unwrap().count() == 0).then_some(())
    });
}

#[test]
fn a_result_that_only_the_spool_of_a_killed_agent_has_is_handed_in_by_the_next_one() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    sandbox.read(&["submit", &sweep(&sandbox, 30_000)]);
    wait_for("first steps", || (sandbox.steps_told() > 0).then_some(()));
    let record = sandbox.record();
    record.coordinator.unwrap().signal(Signal::SIGKILL);
    wait_for("the end of the trial", || {
        let log = fs::read_to_string(sandbox.state().log("worker-local-0")).unwrap_or_default();
        log.contains("finished").then_some(())
    });
    // The result is written down behind all records, and then waits for the coordinator.
    wait_for("a result on the disk", || {
        let file = fs::read_dir(sandbox.state().file("spool")).unwrap().flatten().next()?;
        let before = file.metadata().ok()?.len();
        std::thread::sleep(Duration::from_millis(500));
        (file.metadata().ok()?.len() == before).then_some(())
    });
    record.workers[0].1.signal(Signal::SIGKILL);
    wait_for("the end of the agent", || (!record.workers[0].1.is_alive()).then_some(()));
    sandbox.read(&["up"]);
    sandbox.read(&["watch", "@last"]);
    assert_undisturbed(&sandbox, 30_000);
}

#[test]
fn a_trainer_that_does_nothing_is_killed_and_its_trial_is_tried_again() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let spool = sandbox.state().file("own-spool");
    let worker = OwnWorker::start(&sandbox, "own", &spool, &["--trainer-timeout", "5s"]);
    sandbox.read(&["submit", &sweep(&sandbox, 20_000)]);
    wait_for("first steps", || (sandbox.steps_told() > 0).then_some(()));
    super::sandbox::trainer_of(worker.agent()).unwrap().signal(Signal::SIGSTOP);
    sandbox.read(&["watch", "@last"]);
    let attempts = sandbox.rows(&["sql", "select * from batchsweep.attempt order by attempt"]);
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert_eq!(attempts[0]["error_kind"], "hung");
    assert!(attempts[0]["error"].as_str().unwrap().contains("no progress for 5 s"), "{attempts:?}");
    assert_eq!(attempts[1]["outcome"], "succeeded");
}

/// A disk of 64 KiB; gone with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount one.
    fn mount(sandbox: &Sandbox) -> Option<Self> {
        let folder = sandbox.state().file("small");
        fs::create_dir_all(&folder).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(&folder).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn with_a_full_disk_under_its_spool_a_worker_trains_on_from_memory_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let Some(disk) = SmallDisk::mount(&sandbox) else {
        eprintln!("not tested: this user may not mount a small disk");
        return;
    };
    let worker = OwnWorker::start(&sandbox, "own", &disk.0, &[]);
    sandbox.read(&["submit", &sweep(&sandbox, 30_000)]);
    wait_for("first steps", || (sandbox.steps_told() > 0).then_some(()));
    // Silent, not gone: it comes back at the address that this worker knows.
    let coordinator = Record::load(sandbox.state()).coordinator.unwrap();
    coordinator.signal(Signal::SIGSTOP);
    for said in ["No space left on device", "finished"] {
        wait_for(said, || fs::read_to_string(&worker.log).unwrap().contains(said).then_some(()));
    }
    assert!(fs::read_to_string(&worker.log).unwrap().contains("records wait in memory, up to 64.0 MiB"));
    coordinator.signal(Signal::SIGCONT);
    sandbox.read(&["watch", "@last"]);
    assert_undisturbed(&sandbox, 30_000);
}
