//! `run` in a storm: whatever happens to a stack, the same command given again at once comes to its end, and nothing is lost.
//! `BATCHSWEEP_STORM_ROUNDS` makes it longer, `BATCHSWEEP_STORM_SEED` repeats one.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cli::local::process::ProcessId;
use nix::sys::signal::Signal;

use super::sandbox::{Running, Sandbox};

const TRIALS: usize = 3;
const STEPS: usize = 1500;

/// Nobody waits longer for a stack, whatever became of the one before it.
const PATIENCE: Duration = Duration::from_secs(30);

fn sweep() -> String {
    format!(
        "name = \"storm\"\n[data]\nformat = \"synthetic\"\nexamples = 64\nfeatures = [10]\nclasses = 4\n\
         [model]\nkind = \"mlp\"\nhidden = [256, 256]\n[grid]\nbatch_size = [8]\nlearning_rate = [0.1]\n\
         seed = {:?}\n[train]\nsteps = {STEPS}\n",
        (0..TRIALS).collect::<Vec<_>>()
    )
}

/// What happens in the middle of a run.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The terminal goes away.
    HangUp,
    /// SIGKILL for the command alone.
    KillRun,
    /// SIGKILL for all of it, the database included.
    KillAll,
    /// SIGKILL for all but the database.
    KillAllButDatabase,
    /// SIGKILL for all of it; then each of its process ids is another process's.
    RecyclePids,
    /// All programs are replaced, as by an upgrade, and the trainer is killed.
    Replace,
    /// SIGKILL for what serves the run, which goes on.
    KillUnderRun,
}

const FAULTS: [Fault; 7] = [
    Fault::HangUp,
    Fault::KillRun,
    Fault::KillAll,
    Fault::KillAllButDatabase,
    Fault::RecyclePids,
    Fault::Replace,
    Fault::KillUnderRun,
];

/// Copies of the programs that may be replaced; beside the others, as links are made within one disk only.
struct Programs(tempfile::TempDir);

impl Programs {
    fn new(sandbox: &Sandbox) -> Self {
        let programs = Self(tempfile::tempdir_in(sandbox.program().parent().unwrap()).unwrap());
        programs.put(sandbox);
        programs
    }

    fn put(&self, sandbox: &Sandbox) {
        for name in ["batchsweep", "batchsweep-coordinator", "batchsweep-worker"] {
            let place = self.0.path().join(name);
            let _ = fs::remove_file(&place);
            fs::hard_link(sandbox.program().with_file_name(name), &place).unwrap();
        }
    }

    fn command(&self) -> Command {
        Command::new(self.0.path().join("batchsweep"))
    }
}

/// A process that has nothing to do with any stack.
struct Stranger(Child);

impl Stranger {
    fn new() -> Self {
        Self(Command::new("sleep").arg("3600").stdin(Stdio::null()).spawn().unwrap())
    }

    /// Writes its id in place of those of a stack that has ended.
    fn take_the_place_of(&self, sandbox: &Sandbox, dead: &[ProcessId]) {
        let state = sandbox.state();
        let files: [PathBuf; 2] = [state.file("stack.json"), state.data().join("postmaster.pid")];
        for file in files {
            let Ok(text) = fs::read_to_string(&file) else { continue };
            let text = dead
                .iter()
                .fold(text, |text, process| text.replace(&process.pid.to_string(), &self.0.id().to_string()));
            // Written into the file that is there: it stays its owner's.
            fs::write(&file, text).unwrap();
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Does it; gives the run where that goes on.
fn strike(
    fault: Fault,
    sandbox: &Sandbox,
    programs: &Programs,
    stranger: &Stranger,
    run: Running,
) -> Option<Running> {
    let database = cli::local::postgres::running(sandbox.state()).map(|server| server.process);
    let all = sandbox.processes();
    let kill = |processes: &[ProcessId]| processes.iter().for_each(|process| process.signal(Signal::SIGKILL));
    match fault {
        Fault::HangUp => run.signal(Signal::SIGHUP),
        Fault::KillRun => run.signal(Signal::SIGKILL),
        Fault::KillAll | Fault::RecyclePids => {
            run.signal(Signal::SIGKILL);
            kill(&all);
        }
        Fault::KillAllButDatabase => {
            run.signal(Signal::SIGKILL);
            kill(&all.iter().copied().filter(|process| Some(*process) != database).collect::<Vec<_>>());
        }
        Fault::Replace => {
            programs.put(sandbox);
            sandbox.trainer().signal(Signal::SIGKILL);
            return Some(run);
        }
        Fault::KillUnderRun => {
            kill(&all);
            return Some(run);
        }
    }
    run.finish();
    if matches!(fault, Fault::RecyclePids) {
        stranger.take_the_place_of(sandbox, &all);
    }
    None
}

/// Everything that was trained is there once, and each sweep is either finished or paused.
fn assert_nothing_lost(sandbox: &Sandbox, finished: usize) {
    let trials = "select count(*) as n, min(steps) as least, max(steps) as most from batchsweep.result \
                  join batchsweep.sweep using (sweep_id) where state = 'finished' and status = 'succeeded'";
    let trials = &sandbox.rows(&["sql", trials])[0];
    assert_eq!(trials["n"], finished * TRIALS, "{trials}");
    assert_eq!((&trials["least"], &trials["most"]), (&STEPS.into(), &STEPS.into()));
    let points = "select count(*) as points, count(distinct (trial_id, step)) as steps from batchsweep.metric \
                  join batchsweep.sweep using (sweep_id) where state = 'finished' and name = 'train_loss'";
    let points = &sandbox.rows(&["sql", points])[0];
    assert_eq!(points["points"], finished * TRIALS * STEPS, "{points}");
    assert_eq!(points["points"], points["steps"]);
    let states: Vec<_> = sandbox.rows(&["ls", "--limit", "1000"]);
    assert!(
        states.iter().all(|sweep| sweep["state"] == "finished" || sweep["state"] == "paused"),
        "{states:?}"
    );
}

#[test]
fn the_same_command_given_again_at_once_ends_well_whatever_became_of_the_first() {
    let setting = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let rounds = setting("BATCHSWEEP_STORM_ROUNDS").unwrap_or(2);
    let seed = setting("BATCHSWEEP_STORM_SEED").unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    eprintln!("BATCHSWEEP_STORM_SEED={seed}");
    let sandbox = Sandbox::new();
    let (programs, stranger) = (Programs::new(&sandbox), Stranger::new());
    let file = sandbox.file("storm.toml", &sweep()).display().to_string();
    let mut finished = 0;
    for round in 0..rounds {
        // The seed says which comes first; then all have their turn.
        let fault = FAULTS[((seed % 1000 + round) % FAULTS.len() as u64) as usize];
        eprintln!("round {round}: {fault:?}");
        let mut run = sandbox.start_as(programs.command(), &["run", &file]);
        run.wait_for_line(&format!("{TRIALS} trials"));
        sandbox.trainer();
        // Not always at the same moment.
        std::thread::sleep(Duration::from_millis((seed >> 10).wrapping_mul(round + 1) % 800));
        if let Some(run) = strike(fault, &sandbox, &programs, &stranger, run) {
            let (code, _, said) = run.finish();
            assert_eq!(code, Some(0), "seed {seed}, round {round}, {fault:?}: {said}");
            finished += 1;
        }
        let start = Instant::now();
        let mut again = sandbox.start_as(programs.command(), &["run", &file]);
        again.wait_for_line(&format!("{TRIALS} trials"));
        let waited = start.elapsed();
        let (code, _, said) = again.finish();
        assert_eq!(code, Some(0), "seed {seed}, round {round}, {fault:?}: {said}");
        assert!(waited < PATIENCE, "seed {seed}, round {round}, {fault:?}: a stack after {waited:?}: {said}");
        finished += 1;
        assert_eq!(sandbox.processes(), [], "seed {seed}, round {round}, {fault:?}");
    }
    assert!(ProcessId::of(stranger.0.id()).is_some(), "a stranger was ended");
    assert_nothing_lost(&sandbox, finished);
}
