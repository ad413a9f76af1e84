//! Which faults come in which order, after what pause, and whom they hit: all of it follows from a seed.

use std::time::Duration;

use crate::proxy::Cut;
use crate::random::{Random, mix};

/// Who a signal goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Worker,
    Trainer,
    Coordinator,
}

/// What may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL.
    Kill(Who),
    /// SIGTERM, as a node that is drained sends it.
    Terminate(Who),
    /// SIGHUP, as a terminal that goes away sends it.
    HangUp(Who),
    /// Another file takes the place of the program, as at an upgrade.
    Replace(Who),
    /// SIGSTOP for longer than a lease, then SIGCONT.
    Stop(Who),
    /// SIGSTOP for a worker until another one is well into its trial, then SIGCONT.
    Zombie,
    /// SIGSTOP for a trainer until its worker takes it for hung.
    Hang,
    /// SIGKILL for the postmaster.
    KillPostgres,
    /// On the network between workers and coordinators.
    Lose(Cut),
    /// A commit is done, and the coordinator does not hear of it.
    LoseCommit,
}

pub const FAULTS: [Fault; 18] = [
    Fault::Kill(Who::Worker),
    Fault::Kill(Who::Trainer),
    Fault::Kill(Who::Coordinator),
    Fault::Terminate(Who::Worker),
    Fault::Terminate(Who::Coordinator),
    Fault::HangUp(Who::Worker),
    Fault::HangUp(Who::Coordinator),
    Fault::Replace(Who::Worker),
    Fault::Replace(Who::Coordinator),
    Fault::Stop(Who::Trainer),
    Fault::Stop(Who::Coordinator),
    Fault::Zombie,
    Fault::Hang,
    Fault::KillPostgres,
    Fault::Lose(Cut::Request),
    Fault::Lose(Cut::Reply),
    Fault::Lose(Cut::HalfOpen),
    Fault::LoseCommit,
];

/// One fault of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Strike {
    pub fault: Fault,
    /// Whom it hits, among those that are there.
    pub choice: u64,
    /// How long nothing else happens after it.
    pub pause: Duration,
}

/// Each fault once, in this round's order.
pub fn round(seed: u64, number: u64) -> Vec<Strike> {
    let mut random = Random::new(seed ^ mix(number));
    let mut faults = FAULTS;
    random.shuffle(&mut faults);
    let strike = |fault| Strike {
        fault,
        choice: random.next(),
        pause: Duration::from_millis(300 + random.next() % 900),
    };
    faults.into_iter().map(strike).collect()
}

#[test]
fn a_seed_repeats_its_faults() {
    let told = |seed, number| format!("{:?}", round(seed, number));
    assert_eq!(told(7, 0), told(7, 0));
    assert_ne!(told(7, 0), told(7, 1));
    assert_ne!(told(7, 0), told(8, 0));
    for fault in FAULTS {
        assert!(round(7, 3).iter().any(|strike| strike.fault == fault), "{fault:?}");
    }
}
