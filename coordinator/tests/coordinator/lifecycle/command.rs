//! What workers, people and time may do to trials.

use domain::lifecycle::Outcome;
use proptest::prelude::*;
use proptest::sample::Index;
use proto::v1::FailureKind;

/// One of those that there are at that moment, whatever has become of it.
pub type Pick = Index;

#[derive(Debug, Clone)]
pub enum Command {
    Submit,
    /// A process asks for trials, or asks again as it did before.
    Claim {
        process: Pick,
        max: u32,
        earlier: Option<Pick>,
    },
    /// A process renews a lease, its own or not, current or not.
    Heartbeat {
        process: Pick,
        lease: Pick,
    },
    Report {
        lease: Pick,
        first_seq: u64,
        count: u64,
    },
    Complete {
        lease: Pick,
        outcome: Outcome,
        /// Tells one result from another.
        loss: u8,
        last_seq: LastSeq,
    },
    Fail {
        lease: Pick,
        kind: FailureKind,
    },
    Release {
        lease: Pick,
    },
    /// The lease runs out, if it is held.
    Expire {
        lease: Pick,
    },
    /// Pauses before further tries are over.
    PassDelays,
    /// A new process takes a name and shows leases of the one before.
    Register {
        name: usize,
        shown: Vec<Pick>,
    },
    Pause {
        sweep: Pick,
    },
    Resume {
        sweep: Pick,
    },
    Cancel {
        sweep: Pick,
        drain: bool,
    },
    Retry {
        sweep: Pick,
    },
}

/// The number that a completion gives its last record.
#[derive(Debug, Clone, Copy)]
pub enum LastSeq {
    None,
    AsStored,
    OnePast,
}

/// A command, and whether its reply is lost: then it is sent again.
#[derive(Debug, Clone)]
pub struct Sent {
    pub command: Command,
    pub reply_is_lost: bool,
}

pub fn commands() -> impl Strategy<Value = Vec<Sent>> {
    let sent = (command(), prop::bool::weighted(0.25))
        .prop_map(|(command, reply_is_lost)| Sent { command, reply_is_lost });
    prop::collection::vec(sent, 20..80)
}

fn command() -> impl Strategy<Value = Command> {
    let outcome =
        prop::sample::select(vec![Outcome::Succeeded, Outcome::Diverged, Outcome::Infeasible]).boxed();
    let last_seq = prop::sample::select(vec![LastSeq::None, LastSeq::AsStored, LastSeq::OnePast]);
    // The first two of them are a trial's end, so they are rare.
    let kind = prop_oneof![
        1 => Just(FailureKind::Input),
        1 => Just(FailureKind::Files),
        3 => Just(FailureKind::Trainer),
        3 => Just(FailureKind::Crash),
        3 => Just(FailureKind::SuspectedHostOom),
        3 => Just(FailureKind::Hung),
    ];
    let pick = any::<Pick>;
    prop_oneof![
        1 => Just(Command::Submit),
        9 => (pick(), 1..4_u32, prop::option::weighted(0.2, pick()))
            .prop_map(|(process, max, earlier)| Command::Claim { process, max, earlier }),
        6 => (pick(), pick()).prop_map(|(process, lease)| Command::Heartbeat { process, lease }),
        5 => (pick(), 1..6_u64, 0..4_u64)
            .prop_map(|(lease, first_seq, count)| Command::Report { lease, first_seq, count }),
        2 => (pick(), outcome, 0..2_u8, last_seq).prop_map(|(lease, outcome, loss, last_seq)| {
            Command::Complete { lease, outcome, loss, last_seq }
        }),
        5 => (pick(), kind).prop_map(|(lease, kind)| Command::Fail { lease, kind }),
        2 => pick().prop_map(|lease| Command::Release { lease }),
        5 => pick().prop_map(|lease| Command::Expire { lease }),
        7 => Just(Command::PassDelays),
        2 => (0..2_usize, prop::collection::vec(pick(), 0..3))
            .prop_map(|(name, shown)| Command::Register { name, shown }),
        1 => pick().prop_map(|sweep| Command::Pause { sweep }),
        2 => pick().prop_map(|sweep| Command::Resume { sweep }),
        3 => (pick(), any::<bool>()).prop_map(|(sweep, drain)| Command::Cancel { sweep, drain }),
        3 => pick().prop_map(|sweep| Command::Retry { sweep }),
    ]
}
