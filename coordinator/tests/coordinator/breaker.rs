use proto::v1::{self, FailureKind, SweepState};
use sqlx::PgPool;

use crate::world::{Worker, World, column, result, spec};

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
