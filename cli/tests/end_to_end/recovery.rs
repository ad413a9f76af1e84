//! Processes that are killed, hung up or replaced at a bad moment: the next command, or the same one, comes to its end.

use std::fs;
use std::process::{Child, Command, Stdio};

use cli::local::process::ProcessId;
use cli::local::{postgres, socket};
use nix::sys::signal::Signal;

use super::sandbox::{Sandbox, trainer_of, wait_for};

/// One short trial.
const SHORT: &str = r#"
name = "short"
[data]
format = "synthetic"
examples = 64
features = [10]
classes = 4
[model]
kind = "linear"
[grid]
batch_size = [8]
learning_rate = [0.1]
[train]
epochs = 2
"#;

/// Some trials that take a second or so each.
fn longer(seeds: usize) -> String {
    let seeds: Vec<usize> = (0..seeds).collect();
    SHORT
        .replace("name = \"short\"", "name = \"longer\"")
        .replace("kind = \"linear\"", "kind = \"mlp\"\nhidden = [256, 256]")
        .replace("[train]\nepochs = 2", &format!("seed = {seeds:?}\n[train]\nsteps = 2000"))
}

fn endless() -> String {
    SHORT.replace("name = \"short\"", "name = \"endless\"").replace("epochs = 2", "epochs = 2000000")
}

fn path(sandbox: &Sandbox, name: &str, text: &str) -> String {
    sandbox.file(name, text).to_string_lossy().into_owned()
}

#[test]
fn a_run_whose_terminal_goes_away_pauses_its_sweep_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let mut run = sandbox.start(&["run", &path(&sandbox, "endless.toml", &endless())]);
    run.wait_for_line("1 trial");
    sandbox.trainer();
    run.signal(Signal::SIGHUP);
    let (code, _, said) = run.finish();
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(sandbox.processes(), []);
    assert_eq!(sandbox.rows(&["ls"])[0]["state"], "paused");
    assert!(said.contains("to go on: batchsweep run --resume "), "{said}");
}

#[test]
fn a_run_that_is_to_outlive_its_terminal_does() {
    let sandbox = Sandbox::new();
    let file = path(&sandbox, "longer.toml", &longer(2));
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(sandbox.program());
    let mut run = sandbox.start_as(ignoring, &["run", &file]);
    run.wait_for_line("2 trials");
    run.signal(Signal::SIGHUP);
    let (code, _, said) = run.finish();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_run_right_after_one_that_was_killed_has_a_stack_of_its_own() {
    let sandbox = Sandbox::new();
    let (endless, short) = (path(&sandbox, "endless.toml", &endless()), path(&sandbox, "short.toml", SHORT));
    for round in 0..3 {
        let mut run = sandbox.start(&["run", &endless]);
        run.wait_for_line("1 trial");
        sandbox.trainer();
        run.signal(Signal::SIGKILL);
        // At once: the coordinator and the worker of the first one are still on their way out.
        let again = sandbox.call(&["run", &short]);
        let said = String::from_utf8_lossy(&again.stderr);
        assert_eq!(again.status.code(), Some(0), "round {round}: {said}");
        assert!(said.contains("started the local stack"), "{said}");
        assert_eq!(sandbox.processes(), []);
    }
}

#[test]
fn a_run_in_another_ones_stack_goes_on_when_that_is_killed() {
    let sandbox = Sandbox::new();
    let mut first = sandbox.start(&["run", &path(&sandbox, "endless.toml", &endless())]);
    first.wait_for_line("1 trial");
    let trainer = sandbox.trainer();
    let mut second = sandbox.start(&["run", &path(&sandbox, "short.toml", SHORT)]);
    second.wait_for_line("using the local stack");
    second.wait_for_line("1 trial");
    first.signal(Signal::SIGKILL);
    second.wait_for_line("they are started again");
    wait_for("the end of the first one's trainer", || (!trainer.is_alive()).then_some(()));
    // Its own trial is behind the other one's, which is trained first.
    sandbox.read(&["cancel", "endless"]);
    let (code, _, said) = second.finish();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(sandbox.processes(), []);
}

#[test]
fn a_coordinator_that_is_killed_again_and_again_comes_back() {
    let sandbox = Sandbox::new();
    let mut run = sandbox.start(&["run", &path(&sandbox, "longer.toml", &longer(4))]);
    run.wait_for_line("4 trials");
    let mut killed = None;
    for _ in 0..5 {
        let coordinator = wait_for("another coordinator", || {
            let coordinator = sandbox.record().coordinator;
            coordinator.filter(|coordinator| Some(*coordinator) != killed)
        });
        coordinator.signal(Signal::SIGKILL);
        killed = Some(coordinator);
    }
    let (code, _, said) = run.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.matches("coordinator was killed").count() >= 4, "{said}");
}

/// A statement that computes for minutes and looks at nothing meanwhile.
fn busy_backend(sandbox: &Sandbox) -> Child {
    let server = postgres::running(sandbox.state()).unwrap();
    let url = socket::url(&server.socket_folder, "batchsweep_owner");
    let statement = "select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b";
    let child = Command::new("psql")
        .args([&url, "-AtXc", statement])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let count = "select count(*) as n from pg_stat_activity where state = 'active' and query like '%generate_series%'";
    wait_for("a busy backend", || {
        let output = Command::new("psql").args([&url, "-AtXc", count]).output().unwrap();
        // One is the count itself.
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok().filter(|&n| n > 1)
    });
    child
}

#[test]
fn a_database_that_is_killed_with_a_busy_backend_comes_back() {
    let sandbox = Sandbox::new();
    let mut run = sandbox.start(&["run", &path(&sandbox, "longer.toml", &longer(4))]);
    run.wait_for_line("[1/4]");
    let mut busy = busy_backend(&sandbox);
    let server = postgres::running(sandbox.state()).unwrap();
    server.process.signal(Signal::SIGKILL);
    run.wait_for_line("Postgres was killed");
    let (code, _, said) = run.finish();
    assert_eq!(code, Some(0), "{said}");
    busy.wait().unwrap();
    assert_eq!(sandbox.processes(), []);
    assert!(sandbox.rows(&["results", "@last"]).iter().all(|row| row["status"] == "succeeded"));
}

#[test]
fn a_database_that_is_killed_under_a_stack_that_stays_is_started_by_the_next_command() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    sandbox.read(&["run", &path(&sandbox, "short.toml", SHORT)]);
    let database = postgres::running(sandbox.state()).unwrap().process;
    database.signal(Signal::SIGKILL);
    wait_for("its end", || (!database.is_alive()).then_some(()));
    let listed = sandbox.call(&["ls", "-o", "json"]);
    let said = String::from_utf8_lossy(&listed.stderr);
    assert_eq!(listed.status.code(), Some(0), "{said}");
    assert!(said.contains("it is started again"), "{said}");
    assert_eq!(sandbox.rows(&["results", "short"]).len(), 1);
    sandbox.read(&["run", &path(&sandbox, "short.toml", SHORT)]);
}

#[test]
fn a_trainer_that_is_killed_while_it_starts_is_replaced() {
    let sandbox = Sandbox::new();
    let mut run = sandbox.start(&["run", &path(&sandbox, "short.toml", SHORT)]);
    let trainer = wait_for("a trainer", || {
        sandbox.processes().into_iter().find_map(|process| trainer_of(process).filter(|_| is_worker(process)))
    });
    trainer.signal(Signal::SIGKILL);
    run.wait_for_line("1 trial");
    let (code, _, said) = run.finish();
    assert_eq!(code, Some(0), "{said}");
}

fn is_worker(process: ProcessId) -> bool {
    fs::read_to_string(format!("/proc/{}/comm", process.pid))
        .unwrap_or_default()
        .starts_with("batchsweep-work")
}

#[test]
fn programs_that_are_replaced_while_they_run_go_on() {
    let sandbox = Sandbox::new();
    // Beside the programs, as links are made within one disk only.
    let folder = tempfile::tempdir_in(sandbox.program().parent().unwrap()).unwrap();
    let put = |name: &str| {
        let place = folder.path().join(name);
        let _ = fs::remove_file(&place);
        fs::hard_link(sandbox.program().with_file_name(name), &place).unwrap();
    };
    let names = ["batchsweep", "batchsweep-coordinator", "batchsweep-worker"];
    names.iter().copied().for_each(put);
    let file = path(&sandbox, "longer.toml", &longer(4));
    let mut run = sandbox.start_as(Command::new(folder.path().join("batchsweep")), &["run", &file]);
    run.wait_for_line("[1/4]");
    names.iter().copied().for_each(put);
    sandbox.trainer().signal(Signal::SIGKILL);
    run.wait_for_line("[2/4]");
    sandbox.record().workers[0].1.signal(Signal::SIGKILL);
    let (code, _, said) = run.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("[4/4]"), "{said}");
}

#[test]
fn a_stack_that_is_stopped_under_a_run_is_not_started_again() {
    let sandbox = Sandbox::new();
    let mut run = sandbox.start(&["run", &path(&sandbox, "endless.toml", &endless())]);
    run.wait_for_line("1 trial");
    sandbox.trainer();
    sandbox.read(&["down"]);
    let (code, _, said) = run.finish();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("stopped by another command"), "{said}");
    assert_eq!(sandbox.processes(), []);
}

#[test]
fn a_stack_without_a_worker_says_so_and_up_starts_one() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let (_, worker) = sandbox.record().workers[0].clone();
    worker.signal(Signal::SIGKILL);
    wait_for("the end of the worker", || (!worker.is_alive()).then_some(()));
    let said = |arguments: &[&str]| String::from_utf8_lossy(&sandbox.call(arguments).stderr).into_owned();
    assert!(said(&["status"]).contains("no worker is running"), "{}", said(&["status"]));
    sandbox.read(&["submit", &path(&sandbox, "short.toml", SHORT)]);
    assert!(said(&["show", "@last"]).contains("no worker is running"), "{}", said(&["show", "@last"]));
    let mut watch = sandbox.start(&["watch", "@last"]);
    watch.wait_for_line("no worker is running");
    let up = said(&["up"]);
    assert!(up.contains("started worker local-0"), "{up}");
    let (code, _, said) = watch.finish();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn nothing_waits_for_a_sweep_in_a_stack_that_is_stopped() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    sandbox.read(&["submit", &path(&sandbox, "endless.toml", &endless())]);
    sandbox.read(&["down"]);
    let watch = sandbox.call(&["watch", "@last"]);
    let said = String::from_utf8_lossy(&watch.stderr);
    assert_eq!(watch.status.code(), Some(1), "{said}");
    assert!(said.contains("no worker is running") && said.contains("batchsweep up && "), "{said}");
}

#[test]
fn an_interrupt_ends_a_command_that_waits_for_another_one() {
    let sandbox = Sandbox::new();
    sandbox.state().create().unwrap();
    let held = fs::File::create(sandbox.state().file("change.lock")).unwrap();
    held.lock().unwrap();
    for arguments in [&["ls"][..], &["run", &path(&sandbox, "short.toml", SHORT)]] {
        let mut command = sandbox.start(arguments);
        command.wait_for_line("waiting for another batchsweep command");
        command.signal(Signal::SIGINT);
        let (code, _, said) = command.finish();
        assert_eq!(code, Some(130), "{said}");
    }
}
