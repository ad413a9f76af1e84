use proto::v1::worker_service_server::WorkerService;
use proto::v1::{self, FailureKind, SweepState};
use sqlx::PgPool;
use tonic::Request;

use crate::served::{config, start_with_http};
use crate::world::{Worker, World, column, result, spec};

/// Whether a failure on this worker is told to be the sweep's fault.
async fn is_sweeps_fault(world: &World, worker: &Worker) -> bool {
    let request = v1::FailTrialRequest {
        lease: Some(world.claim_one(worker).await),
        kind: FailureKind::Trainer.into(),
        message: "broken".to_owned(),
    };
    world.skip_delays().await;
    world.workers.fail_trial(Request::new(request)).await.unwrap().into_inner().is_sweeps_fault
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_worker_is_blamed_only_where_others_could_do_better(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(40)).await;
    let (one, two) = (world.worker("one").await, world.worker("two").await);
    for _ in 0..9 {
        assert!(!is_sweeps_fault(&world, &one).await);
    }
    let lease = world.claim_one(&two).await;
    world.complete(&lease, result(0.5), 0).await.unwrap();
    for _ in 0..9 {
        assert!(!is_sweeps_fault(&world, &one).await, "the other one brings results");
    }
    assert!(is_sweeps_fault(&world, &one).await, "nobody does");
    world.submit(spec(5)).await;
    assert!(!is_sweeps_fault(&world, &one).await);
    world.sql("update core.worker set drain = 'finish' where name = 'two'").await;
    assert!(is_sweeps_fault(&world, &one).await, "there is nobody else");
}

async fn fail(world: &World, worker: &Worker, kind: FailureKind, times: u32) {
    for _ in 0..times {
        let lease = world.claim_one(worker).await;
        world.fail(&lease, kind, "no module named `model`\n  at line 3").await.unwrap();
        world.skip_delays().await;
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_sweep_whose_attempts_all_fail_is_paused_and_says_why(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(40)).await;
    let other = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    world.pause(&other).await.unwrap();

    fail(&world, &worker, FailureKind::Crash, 9).await;
    assert_eq!(world.sweep(&sweep).await.state(), SweepState::Active);
    fail(&world, &worker, FailureKind::Trainer, 1).await;
    let paused = world.sweep(&sweep).await;
    assert_eq!(paused.state(), SweepState::Paused);
    assert_eq!(paused.pause_reason, "10 attempts in a row failed, the last with: no module named `model`");
    assert_eq!(world.claim(&worker, 1).await, []);
    let told = "select pause_reason from batchsweep.sweep where state = 'paused' order by trials desc";
    let told: Vec<Option<String>> = sqlx::query_scalar(told).fetch_all(&pool).await.unwrap();
    assert_eq!(told, [Some(paused.pause_reason), None], "somebody else's pause has no reason");

    // Resumed, it has as many tries again.
    world.resume(&sweep).await.unwrap();
    assert_eq!(world.sweep(&sweep).await.pause_reason, "");
    fail(&world, &worker, FailureKind::Trainer, 9).await;
    assert_eq!(world.sweep(&sweep).await.state(), SweepState::Active);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_page_says_why_a_sweep_is_set_aside_and_offers_what_brings_it_on(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(20)).await;
    let worker = world.worker("one").await;
    fail(&world, &worker, FailureKind::Files, 10).await;
    let (_server, page) = start_with_http(config(&pool)).await;
    let told = page.get(&format!("/sweeps/{sweep}")).await;
    for part in
        ["Paused: 10 attempts in a row failed, the last with: no module named", "/resume\"", "/retry\""]
    {
        assert!(told.contains(part), "`{part}` is not in {told}");
    }
    world.retry(&sweep).await;
    let told = page.get(&format!("/sweeps/{sweep}")).await;
    assert!(told.contains("/resume\"") && !told.contains("/retry\""), "{told}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_result_in_between_shows_that_the_sweep_works(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(40)).await;
    let worker = world.worker("one").await;
    fail(&world, &worker, FailureKind::Trainer, 9).await;
    let lease = world.claim_one(&worker).await;
    world.complete(&lease, result(0.5), 0).await.unwrap();
    fail(&world, &worker, FailureKind::Trainer, 9).await;
    assert_eq!(world.sweep(&sweep).await.state(), SweepState::Active);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn files_that_are_missing_pause_a_sweep_which_goes_on_and_retries_once_they_are_there(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(20)).await;
    let worker = world.worker("one").await;
    fail(&world, &worker, FailureKind::Files, 10).await;
    assert_eq!(world.sweep(&sweep).await.state(), SweepState::Paused);
    let counts = world.counts(&sweep).await;
    assert_eq!((counts.failed, counts.pending), (10, 10), "tried once each, and the others not at all");
    // In whichever order somebody says it.
    assert_eq!(world.retry(&sweep).await, 10);
    world.resume(&sweep).await.unwrap();
    for lease in world.claim(&worker, 20).await {
        world.complete(&lease.lease.unwrap(), result(0.5), 0).await.unwrap();
    }
    assert_eq!(world.counts(&sweep).await.succeeded, 20);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn trials_refused_for_their_own_settings_pause_nothing(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(40)).await;
    let worker = world.worker("one").await;
    fail(&world, &worker, FailureKind::Input, 15).await;
    assert_eq!(world.sweep(&sweep).await.state(), SweepState::Active);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_sweep_with_few_trials_left_ends_by_itself(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(5)).await;
    let worker = world.worker("one").await;
    fail(&world, &worker, FailureKind::Trainer, 15).await;
    assert_eq!(world.sweep(&sweep).await.state(), SweepState::Finished);
    let table = world.rows(v1::View::Result, &sweep, "").await;
    assert!(column(&table, "status").iter().all(|status| status.as_deref() == Some("failed")));
}
