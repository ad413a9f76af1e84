use proto::v1::{self, FailureKind};
use sqlx::PgPool;

use crate::world::{World, cell, column, result, spec};

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn three_failures_end_a_trial_and_every_error_is_kept(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    for (kind, message, retried) in [
        (FailureKind::Crash, "signal 11", true),
        (FailureKind::SuspectedHostOom, "signal 9", true),
        (FailureKind::Trainer, "shapes differ", false),
    ] {
        let lease = world.claim_one(&worker).await;
        assert_eq!(world.fail(&lease, kind, message).await.unwrap(), retried, "{message}");
        let pause = "select count(*) from core.trial_state where status = 'pending' and run_after > now()";
        assert_eq!(world.number(pause).await, i64::from(retried), "a further try waits a little");
        assert_eq!(world.claim(&worker, 1).await, []);
        world.skip_delays().await;
        world.check_invariants().await;
    }
    assert_eq!(world.counts(&sweep).await.failed, 1);
    assert_eq!(world.sweep(&sweep).await.state(), v1::SweepState::Finished);
    let table = world.rows(v1::View::Result, &sweep, "").await;
    assert_eq!(cell(&table, "status").as_deref(), Some("failed"));
    assert_eq!(cell(&table, "error").as_deref(), Some("shapes differ"));
    assert_eq!(cell(&table, "attempts").as_deref(), Some("3"));
    assert_eq!(cell(&table, "final_train_loss"), None);
    let attempts = world.rows(v1::View::Attempt, &sweep, "").await;
    let texts = |name| column(&attempts, name).into_iter().map(Option::unwrap).collect::<Vec<_>>();
    assert_eq!(texts("error_kind"), ["crash", "suspected_host_oom", "trainer"]);
    assert_eq!(texts("error"), ["signal 11", "signal 9", "shapes differ"]);
    assert_eq!(texts("will_retry"), ["true", "true", "false"]);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn bad_input_ends_a_trial_at_once(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    assert!(!world.fail(&lease, FailureKind::Input, "no such folder").await.unwrap());
    assert_eq!(world.counts(&sweep).await.failed, 1);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_released_trial_costs_no_try_and_is_free_at_once(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    for attempt in 1..=5 {
        let lease = world.claim_one(&worker).await;
        assert_eq!(lease.attempt, attempt);
        world.release(&lease).await.unwrap();
    }
    assert_eq!(world.number("select failures::bigint from core.trial_state").await, 0);
    assert_eq!(world.number("select preemptions::bigint from core.trial_state").await, 5);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_diverged_or_infeasible_trial_is_a_result(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(2)).await;
    let worker = world.worker("one").await;
    let diverged = v1::TrialResult {
        outcome: v1::Outcome::Diverged.into(),
        message: "loss is NaN at step 7".to_owned(),
        final_train_loss: Some(f64::NAN),
        train_set_loss: Some(f64::INFINITY),
        ..result(0.0)
    };
    let infeasible = v1::TrialResult {
        outcome: v1::Outcome::Infeasible.into(),
        message: "parameters alone take 88 bytes".to_owned(),
        micro_batch: 0,
        accumulation_steps: 0,
        ..result(0.0)
    };
    world.complete(&world.claim_one(&worker).await, diverged, 0).await.unwrap();
    world.complete(&world.claim_one(&worker).await, infeasible, 0).await.unwrap();
    let table = world.rows(v1::View::Result, &sweep, "").await;
    let texts = |name| column(&table, name);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts("status"), [some("diverged"), some("infeasible")]);
    assert_eq!(texts("error"), [some("loss is NaN at step 7"), some("parameters alone take 88 bytes")]);
    assert_eq!(texts("final_train_loss"), [None, some("0")]);
    assert_eq!(texts("train_set_loss"), [None, some("0.001")]);
    assert_eq!(texts("micro_batch"), [some("32"), None]);
    let counts = world.counts(&sweep).await;
    assert_eq!((counts.diverged, counts.infeasible, counts.failed), (1, 1, 0));
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_result_without_its_memory_or_with_impossible_numbers_is_refused_and_the_lease_stays(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    let sum = v1::Memory { peak_memory_bytes: 2711, ..result(0.5).memory.unwrap() };
    for broken in [
        v1::TrialResult { memory: None, ..result(0.5) },
        v1::TrialResult { memory: Some(sum), ..result(0.5) },
        v1::TrialResult { train_seconds: -1.0, ..result(0.5) },
        v1::TrialResult { train_seconds: f64::NAN, ..result(0.5) },
    ] {
        let refused = world.complete(&lease, broken, 0).await;
        assert_eq!(crate::world::reason(refused), proto::Reason::InvalidRequest);
    }
    assert_eq!(world.counts(&sweep).await.running, 1);
    world.complete(&lease, result(0.5), 0).await.unwrap();
}
