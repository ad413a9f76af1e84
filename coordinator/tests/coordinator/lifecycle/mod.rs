//! Random lives of trials, in the store and in a model of it: every answer and every row must be the model's.

mod command;
mod model;
mod subject;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::lifecycle::TrialStatus;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use proto::Reason;
use proto::v1::{HeldState, LeaseOrder};
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::World;
use command::{Command, LastSeq, Sent, commands};
use model::{LeaseId, Model, Reply, Step};
use subject::{Subject, in_words};

/// Lives that are the same each time: all that such a test is for happens in them.
const SAME_LIVES: usize = 40;

/// How long new lives are tried after them; and how long a wrong one is made shorter.
const TIME: Duration = Duration::from_secs(10);

/// Trials of a sweep.
const TRIALS: usize = 2;

/// How often something happened, over all lives.
type Seen = BTreeMap<&'static str, usize>;

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_store_lives_as_the_model_does(pool: PgPool) {
    let world = World::new(&pool);
    let mut seen = Seen::new();
    let mut runner = runner([7; 32]);
    for _ in 0..SAME_LIVES {
        must_live(&world, &pool, &mut runner, &mut seen).await;
    }
    eprintln!("{seen:#?}");
    // Did everything happen that such a test is for?
    for what in [
        "a lost lease was refused",
        "a cut-off holder came back",
        "a gap was refused",
        "a process was superseded",
        "a shown lease was adopted",
        "a shown lease was lost",
        "a trial was stopped",
        "a trial had failed three times",
        "a trial was retried",
        "a result came twice",
        "a claim came twice",
    ] {
        assert!(seen.get(what).is_some_and(|count| *count > 0), "never: {what}");
    }
    let mut runner =
        self::runner([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat().try_into().unwrap());
    let started = Instant::now();
    while started.elapsed() < TIME {
        must_live(&world, &pool, &mut runner, &mut seen).await;
    }
}

fn runner(seed: [u8; 32]) -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

async fn must_live(world: &World, pool: &PgPool, runner: &mut TestRunner, seen: &mut Seen) {
    let mut tree = commands().new_tree(runner).unwrap();
    if let Err(problem) = live(world, pool, &tree.current(), seen).await {
        let (commands, problem) = shortest(world, pool, &mut tree, problem).await;
        panic!("{problem}\nafter {commands:#?}");
    }
}

/// One life, on an empty database. `Err` tells where store and model part.
async fn live(world: &World, pool: &PgPool, commands: &[Sent], seen: &mut Seen) -> Result<(), String> {
    let mut model = Model::default();
    let mut subject = Subject::new(world, pool).await;
    let prelude = [
        Command::Register { name: 0, shown: Vec::new() },
        Command::Register { name: 1, shown: Vec::new() },
        Command::Submit,
    ];
    let prelude = prelude.map(|command| Sent { command, reply_is_lost: false });
    for sent in prelude.iter().chain(commands) {
        let Some(step) = chosen(&sent.command, &mut model) else { continue };
        let before = model.clone();
        let told = subject.step(&step, &model, false).await;
        let expected = model.step(&step, &told);
        note(&before, &model, &step, &told, seen);
        compare(&subject, &model, &step, &told, &expected).await?;
        if !sent.reply_is_lost {
            continue;
        }
        let again = subject.step(&step, &model, true).await;
        // One submission is one sweep, and a trial that was retried is not retried again.
        let expected = match &step {
            Step::Submit { .. } => Reply::Done,
            _ => model.step(&step, &again),
        };
        compare(&subject, &model, &step, &again, &expected).await?;
        let is_repeated = !matches!(told, Reply::Refused(_) | Reply::Retried(_));
        if is_repeated && again != told && told != Reply::Claimed(Vec::new()) {
            return Err(format!("{step:?} was answered with {told:?}, and again with {again:?}"));
        }
        match told {
            Reply::Claimed(leases) if !leases.is_empty() => count(seen, "a claim came twice"),
            Reply::Done if matches!(step, Step::Complete { .. }) => count(seen, "a result came twice"),
            _ => {}
        }
    }
    Ok(())
}

async fn compare(
    subject: &Subject<'_>,
    model: &Model,
    step: &Step,
    told: &Reply,
    expected: &Reply,
) -> Result<(), String> {
    if told != expected {
        return Err(format!("{step:?} was answered with {told:?}, not with {expected:?}; {model:#?}"));
    }
    let (stored, expected) = (subject.in_words().await, in_words(model));
    if stored != expected {
        return Err(format!("after {step:?} there is {stored:#?}, not {expected:#?}"));
    }
    let broken = subject.broken().await;
    if !broken.is_empty() {
        return Err(format!("after {step:?}: {broken:#?}"));
    }
    Ok(())
}

/// The command with its picks made; `None` where there is nothing to pick. What it newly names is added to the model.
fn chosen(command: &Command, model: &mut Model) -> Option<Step> {
    let leases = leases(model);
    let lease = |pick: &command::Pick| (!leases.is_empty()).then(|| *pick.get(&leases));
    let process = |pick: &command::Pick, model: &Model| *pick.get(&processes(model));
    let sweep = |pick: &command::Pick, model: &Model| pick.index(model.sweeps.len());
    Some(match command {
        Command::Submit if model.sweeps.len() == 3 => return None,
        Command::Submit => Step::Submit { trials: TRIALS },
        Command::Claim { process: pick, max, earlier } => {
            let request = match earlier {
                Some(earlier) if !model.requests.is_empty() => earlier.index(model.requests.len()),
                _ => {
                    model.requests.push((process(pick, model), *max));
                    model.requests.len() - 1
                }
            };
            Step::Claim { request }
        }
        Command::Heartbeat { process: of, lease: pick } => {
            Step::Heartbeat { process: process(of, model), lease: lease(pick)? }
        }
        Command::Report { lease: pick, first_seq, count } => {
            Step::Report { lease: lease(pick)?, first_seq: *first_seq, count: *count }
        }
        Command::Complete { lease: pick, outcome, loss, last_seq } => {
            let lease = lease(pick)?;
            let acked = model.attempt(lease).acked;
            let last_seq = match last_seq {
                LastSeq::None => 0,
                LastSeq::AsStored => acked,
                LastSeq::OnePast => acked + 1,
            };
            Step::Complete { lease, outcome: *outcome, loss: *loss, last_seq }
        }
        Command::Fail { lease: pick, kind } => Step::Fail { lease: lease(pick)?, kind: *kind },
        Command::Release { lease: pick } => Step::Release { lease: lease(pick)? },
        Command::Expire { lease: pick } => Step::Expire { lease: lease(pick)? },
        Command::PassDelays => Step::PassDelays,
        Command::Register { name, shown } => {
            let mut shown: Vec<LeaseId> = shown.iter().filter_map(lease).collect();
            shown.sort_unstable();
            shown.dedup();
            model.processes.push(*name);
            Step::Register { process: model.processes.len() - 1, shown }
        }
        Command::Pause { sweep: pick } => Step::Pause { sweep: sweep(pick, model) },
        Command::Resume { sweep: pick } => Step::Resume { sweep: sweep(pick, model) },
        Command::Cancel { sweep: pick, drain } => Step::Cancel { sweep: sweep(pick, model), drain: *drain },
        Command::Retry { sweep: pick } => Step::Retry { sweep: sweep(pick, model) },
    })
}

/// Those to pick from: all that ever were, and more often those that are current.
fn processes(model: &Model) -> Vec<usize> {
    let all = 0..model.processes.len();
    let current: Vec<usize> = all.clone().filter(|process| model.is_current(*process)).collect();
    all.chain(current.repeat(model.processes.len())).collect()
}

/// Those to pick from: all that ever were, and more often those that are held.
fn leases(model: &Model) -> Vec<LeaseId> {
    let attempts = |(trial, state): (usize, &model::Trial)| {
        (1..=state.attempts.len()).map(move |attempt| (trial, u32::try_from(attempt).unwrap()))
    };
    let all: Vec<LeaseId> = model.trials.iter().enumerate().flat_map(attempts).collect();
    let held: Vec<LeaseId> = all.iter().copied().filter(|lease| model.is_held(*lease)).collect();
    let times = if held.is_empty() { 0 } else { 3 * all.len() / held.len() };
    all.into_iter().chain(held.repeat(times)).collect()
}

fn note(before: &Model, after: &Model, step: &Step, told: &Reply, seen: &mut Seen) {
    match told {
        Reply::Refused(Reason::LeaseLost) => count(seen, "a lost lease was refused"),
        Reply::Refused(Reason::RecordsMissing) => count(seen, "a gap was refused"),
        Reply::Refused(Reason::WorkerSuperseded) => count(seen, "a process was superseded"),
        Reply::Ordered(LeaseOrder::Stop) => count(seen, "a trial was stopped"),
        Reply::Retried(1..) => count(seen, "a trial was retried"),
        Reply::Held(states) => {
            for state in states {
                let is_ours = *state == HeldState::Ours;
                count(seen, if is_ours { "a shown lease was adopted" } else { "a shown lease was lost" });
            }
        }
        _ => {}
    }
    for (before, after) in before.trials.iter().zip(&after.trials) {
        let is_back = before.attempts.len() == after.attempts.len() && !before.attempts.is_empty();
        let is_write = matches!(step, Step::Heartbeat { .. } | Step::Report { .. });
        if is_back
            && is_write
            && (before.status, after.status) == (TrialStatus::Pending, TrialStatus::Running)
        {
            count(seen, "a cut-off holder came back");
        }
        if before.status != after.status && after.status == TrialStatus::Failed && after.failures >= 3 {
            count(seen, "a trial had failed three times");
        }
    }
}

fn count(seen: &mut Seen, what: &'static str) {
    *seen.entry(what).or_default() += 1;
}

/// The shortest life found that goes wrong as well, and how.
async fn shortest(
    world: &World,
    pool: &PgPool,
    tree: &mut impl ValueTree<Value = Vec<Sent>>,
    problem: String,
) -> (Vec<Sent>, String) {
    let mut found = (tree.current(), problem);
    let started = Instant::now();
    let mut is_simpler = tree.simplify();
    while is_simpler && started.elapsed() < TIME {
        is_simpler = match live(world, pool, &tree.current(), &mut Seen::new()).await {
            Err(problem) => {
                found = (tree.current(), problem);
                tree.simplify()
            }
            Ok(()) => tree.complicate(),
        };
    }
    found
}
