//! Sweeps with `[search]`: trials that are chosen as results come in, whoever decides and whatever is lost.

use std::collections::HashSet;

use coordinator::store::search;
use domain::search::{Action, Reason, Skip};
use domain::spec::{Goal, SearchSpec, SweepDraft};
use domain::units::SweepId;
use proto::{Wire, v1};
use sqlx::PgPool;

use crate::world::{Worker, World, column, draft, point, result};

const RATES: [f64; 7] = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64];

fn searched(rates: &[f64], search: SearchSpec) -> SweepDraft {
    SweepDraft { search, ..draft(&[8, 32, 128], rates, &[0]) }
}

fn rows() -> SearchSpec {
    SearchSpec { goal: Goal::Rows, ..SearchSpec::default() }
}

/// The larger the batch, the larger the best rate: 0.04, 0.08 and 0.16.
fn loss(trial: &v1::LeasedTrial) -> f64 {
    let settings = trial.spec.as_ref().unwrap().settings.as_ref().unwrap();
    let best = 0.04 * (settings.batch_size as f64 / 8.0).sqrt();
    1.0 + (settings.learning_rate / best).ln().powi(2)
}

impl World {
    async fn decide(&self, sweep: &str) -> search::Decided {
        let mut transaction = self.store.begin().await.unwrap();
        let decided = search::decide(&mut transaction, sweep.parse().unwrap()).await.unwrap();
        transaction.commit().await.unwrap();
        decided.unwrap_or_default()
    }

    /// Decides, and is killed before that is committed.
    async fn decide_in_vain(&self, sweep: &str) {
        let mut transaction = self.store.begin().await.unwrap();
        search::decide(&mut transaction, sweep.parse().unwrap()).await.unwrap();
    }

    async fn train(&self, trial: &v1::LeasedTrial) {
        self.complete(trial.lease.as_ref().unwrap(), result(loss(trial)), 0).await.unwrap();
    }

    /// Trains whatever the search asks for until it is over.
    async fn train_all(&self, sweep: &str, worker: &Worker) {
        loop {
            for trial in self.claim(worker, 1).await {
                self.train(&trial).await;
            }
            if self.decide(sweep).await.is_over {
                return;
            }
        }
    }

    /// All decisions in their order: place of the trial, action, reason, and because of which.
    async fn decisions(&self, sweep: &str) -> Vec<[String; 4]> {
        let table = self.rows(v1::View::Decision, sweep, "").await;
        let columns = ["trial_index", "action", "reason", "because"].map(|name| column(&table, name));
        (0..table.rows.len()).map(|row| columns.each_ref().map(|cells| cells[row].clone().unwrap())).collect()
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn only_what_the_search_asks_for_is_trained(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    let sweep = world.submit(searched(&RATES, rows()).to_wire()).await;
    let counts = world.counts(&sweep).await;
    assert_eq!((counts.pending, counts.undecided), (1, 20));
    world.train_all(&sweep, &worker).await;

    let counts = world.counts(&sweep).await;
    assert_eq!(counts.succeeded + counts.skipped, 21);
    assert!((9..=13).contains(&counts.succeeded), "{counts:?}");
    assert_eq!(world.sweep(&sweep).await.state(), v1::SweepState::Finished);
    let trained: HashSet<(i64, String)> = sqlx::query_as(
        "select batch_size, learning_rate::text from batchsweep.trial where status = 'succeeded'",
    )
    .fetch_all(&pool)
    .await
    .unwrap()
    .into_iter()
    .collect();
    for (size, bracket) in
        [(8, ["0.02", "0.04", "0.08"]), (32, ["0.04", "0.08", "0.16"]), (128, ["0.08", "0.16", "0.32"])]
    {
        assert!(
            bracket.iter().all(|rate| trained.contains(&(size, (*rate).to_owned()))),
            "{size}: {trained:?}"
        );
    }
    let decisions = world.decisions(&sweep).await;
    assert_eq!(decisions.len(), 21, "each trial is decided on once");
    let skipped = decisions.iter().filter(|[_, action, ..]| action == "skip").count() as u64;
    assert_eq!(skipped, counts.skipped);
    assert_eq!(decisions[0][1..], ["begin", "scan", "[]"]);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn whatever_is_killed_or_lost_the_same_results_give_the_same_decisions(pool: PgPool) {
    let (one, two) = (World::new(&pool), World::new(&pool));
    let worker = one.worker("one").await;
    let undisturbed = one.submit(searched(&RATES, rows()).to_wire()).await;
    one.train_all(&undisturbed, &worker).await;

    let disturbed = one.submit(searched(&RATES, rows()).to_wire()).await;
    let mut is_over = false;
    for round in 0.. {
        // A coordinator that dies between a decision and its commit, another one beside it, a worker that is lost.
        one.decide_in_vain(&disturbed).await;
        let [first, second] = [one.decide(&disturbed).await, two.decide(&disturbed).await];
        assert!(first.begun + second.begun <= 1, "one worker has one trial at a time");
        is_over |= first.is_over || second.is_over;
        if is_over {
            break;
        }
        let trials = two.claim(&worker, 1).await;
        if round % 3 == 1 && !trials.is_empty() {
            two.expire_all().await;
            two.skip_delays().await;
            one.decide(&disturbed).await;
        } else if let Some(trial) = trials.first() {
            two.train(trial).await;
        }
    }
    // Trials of both sweeps have the same places.
    assert_eq!(one.decisions(&disturbed).await, one.decisions(&undisturbed).await);
    one.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn with_many_workers_results_come_in_any_order_and_no_cell_is_trained_twice(pool: PgPool) {
    let world = World::new(&pool);
    let mut workers = Vec::new();
    for name in ["one", "two", "three", "four"] {
        workers.push(world.worker(name).await);
    }
    for order in 0..4 {
        let sweep = world.submit(searched(&RATES, rows()).to_wire()).await;
        let mut held: Vec<v1::LeasedTrial> = Vec::new();
        let mut seen = HashSet::new();
        while !world.decide(&sweep).await.is_over {
            for worker in &workers[held.len()..] {
                held.extend(world.claim(worker, 1).await);
            }
            assert!(held.len() <= workers.len());
            let trial = held.remove(if order % 2 == 0 { held.len() - 1 } else { order % held.len() });
            assert!(seen.insert(trial.trial_index), "trained twice");
            world.train(&trial).await;
        }
        let begun =
            world.decisions(&sweep).await.into_iter().filter(|[_, action, ..]| action == "begin").count();
        assert_eq!((begun, held.len()), (seen.len(), 0));
    }
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn an_axis_grows_where_the_best_rate_sits_on_its_edge(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    let extended = SearchSpec { extend: 3, ..rows() };
    let sweep = world.submit(searched(&RATES[..3], extended).to_wire()).await;
    world.train_all(&sweep, &worker).await;
    let past: Vec<(i64, f64)> = sqlx::query_as(
        "select trial_index, learning_rate from batchsweep.trial where trial_index >= 9 order by batch_size, learning_rate",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    // The best of the largest batch size, 0.16, lies two points past the edge at 0.04.
    let rates: Vec<f64> = past.iter().map(|(_, rate)| *rate).collect();
    assert_eq!(rates, [0.08, 0.08, 0.16, 0.08, 0.16, 0.32]);
    assert_eq!(world.sweep(&sweep).await.state(), v1::SweepState::Finished);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_search_waits_while_paused_ends_when_cancelled_and_goes_on_after_a_retry(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    let sweep = world.submit(searched(&RATES, rows()).to_wire()).await;
    let first = world.claim(&worker, 1).await;
    world.pause(&sweep).await.unwrap();
    world.train(&first[0]).await;
    assert_eq!(world.decide(&sweep).await, search::Decided::default());
    assert_eq!(world.sweep(&sweep).await.state(), v1::SweepState::Paused);
    world.resume(&sweep).await.unwrap();
    assert_eq!(world.decide(&sweep).await.begun, 1);

    let cancelled = world.cancel(&sweep, true).await;
    assert_eq!(cancelled.state(), v1::SweepState::Finished);
    assert_eq!(
        cancelled.counts.unwrap(),
        v1::TrialCounts { succeeded: 1, cancelled: 20, ..Default::default() }
    );
    assert_eq!(world.decide(&sweep).await, search::Decided::default());

    assert_eq!(world.retry(&sweep).await, 20);
    assert_eq!(
        world.counts(&sweep).await,
        v1::TrialCounts { succeeded: 1, undecided: 20, ..Default::default() }
    );
    world.train_all(&sweep, &worker).await;
    let counts = world.counts(&sweep).await;
    assert!(counts.succeeded >= 9 && counts.succeeded + counts.skipped == 21, "{counts:?}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_failed_trial_is_passed_over_and_its_retry_is_taken_into_account(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    let sweep = world.submit(searched(&RATES, rows()).to_wire()).await;
    let first = world.claim(&worker, 1).await.remove(0);
    let lease = first.lease.as_ref().unwrap();
    assert!(!world.fail(lease, v1::FailureKind::Input, "no").await.unwrap());
    world.train_all(&sweep, &worker).await;
    let before = world.counts(&sweep).await;
    assert_eq!((before.failed, world.retry(&sweep).await), (1, 1));
    assert_eq!(world.sweep(&sweep).await.state(), v1::SweepState::Active);
    world.train_all(&sweep, &worker).await;
    let after = world.counts(&sweep).await;
    assert!(after.failed == 0 && after.succeeded > before.succeeded && after.undecided == 0, "{after:?}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_trial_that_can_no_longer_be_the_best_is_ended_with_what_it_measured(pool: PgPool) {
    let world = World::new(&pool);
    let [one, two] = [world.worker("one").await, world.worker("two").await];
    let all = SearchSpec { stop: true, ..SearchSpec::default() };
    let spec = SweepDraft { search: all, ..draft(&[8], &[0.1, 0.2, 0.4, 0.8], &[0]) };
    let sweep = world.submit(spec.to_wire()).await;
    // Ten evaluations, each a tenth lower than the one before.
    let evaluations = |start: f64| {
        let at = |step: u64| {
            let mut record = point(step, start * 0.9_f64.powi(step as i32));
            if let Some(v1::record::Kind::Metric(metric)) = &mut record.kind {
                metric.name = v1::MetricName::TrainSetLoss.into();
            }
            record
        };
        (1..=10).map(at).collect::<Vec<_>>()
    };
    for start in [1.0, 1.1] {
        let trial = world.claim(&one, 1).await.remove(0);
        let lease = trial.lease.as_ref().unwrap();
        world.report(lease, 1, evaluations(start)).await.unwrap();
        world.complete(lease, result(start * 0.9_f64.powi(10)), 10).await.unwrap();
        world.decide(&sweep).await;
    }
    let [hopeless, good] = [world.claim(&one, 1).await.remove(0), world.claim(&two, 1).await.remove(0)];
    let [of_hopeless, of_good] = [&hopeless, &good].map(|trial| trial.lease.clone().unwrap());
    world.report(&of_hopeless, 1, evaluations(5.0)[..6].to_vec()).await.unwrap();
    world.report(&of_good, 1, evaluations(0.9)[..6].to_vec()).await.unwrap();
    for _ in 0..2 {
        world.decide(&sweep).await;
    }
    assert_eq!(
        world.heartbeat(&one, std::slice::from_ref(&of_hopeless)).await.unwrap(),
        [v1::LeaseOrder::Conclude]
    );
    assert_eq!(
        world.heartbeat(&two, std::slice::from_ref(&of_good)).await.unwrap(),
        [v1::LeaseOrder::Continue]
    );
    let stops: Vec<_> =
        world.decisions(&sweep).await.into_iter().filter(|[_, action, ..]| action == "stop").collect();
    assert_eq!(stops.len(), 1, "decided once: {stops:?}");
    assert_eq!(stops[0][0], hopeless.trial_index.to_string());

    let stopped = v1::TrialResult { outcome: v1::Outcome::Stopped.into(), ..result(2.0) };
    world.complete(&of_hopeless, stopped, 6).await.unwrap();
    world.complete(&of_good, result(0.3), 6).await.unwrap();
    assert!(world.decide(&sweep).await.is_over);
    let counts = world.counts(&sweep).await;
    assert_eq!((counts.stopped, counts.succeeded), (1, 3));
    assert_eq!(world.sweep(&sweep).await.state(), v1::SweepState::Finished);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_reasons_of_decisions_are_the_searchs_own(pool: PgPool) {
    let stored: Vec<(String, String, String)> =
        sqlx::query_as("select action, reason, explanation from core.decision_reason order by 1, 2")
            .fetch_all(&pool)
            .await
            .unwrap();
    let of =
        |action: Action, word: &str, sentence: String| (action.word().to_owned(), word.to_owned(), sentence);
    let reasons = Reason::ALL.into_iter().map(|(word, reason)| {
        let action = if reason == Reason::Hopeless { Action::Stop } else { Action::Begin };
        of(action, word, reason.to_string())
    });
    // A search that is over has decided.
    let skips = Skip::ALL.into_iter().filter(|(_, skip)| *skip != Skip::Undecided);
    let skips = skips.map(|(word, skip)| of(Action::Skip, word, skip.to_string()));
    let mut known: Vec<_> = reasons.chain(skips).collect();
    known.sort();
    assert_eq!(stored, known);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_sweep_is_removed_with_its_decisions(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    let sweep = world.submit(searched(&RATES, rows()).to_wire()).await;
    world.train_all(&sweep, &worker).await;
    let mut transaction = world.store.begin().await.unwrap();
    let ids: Vec<SweepId> = vec![sweep.parse().unwrap()];
    coordinator::store::removal::remove(&mut transaction, &ids).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(world.number("select count(*) from core.decision").await, 0);
    assert_eq!(world.number("select count(*) from core.search").await, 0);
}
