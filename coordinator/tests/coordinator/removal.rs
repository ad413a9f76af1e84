//! Checkpoints that nothing goes on from any more are removed by the workers that may have them, whatever happens meanwhile.

use std::time::Duration;

use coordinator::tasks::cleaner;
use proto::Reason;
use proto::v1::worker_service_server::WorkerService;
use proto::v1::{self, FailureKind, StaleCheckpoints};
use sqlx::PgPool;
use tonic::{Request, Status};

use crate::checkpoints::checkpoint;
use crate::world::{Worker, World, points, reason, result, spec};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What a worker is asked to remove, as it tells what it has removed.
async fn beat(
    world: &World,
    worker: &Worker,
    removed: &[StaleCheckpoints],
) -> Result<Vec<StaleCheckpoints>, Status> {
    let request = v1::HeartbeatRequest {
        worker_id: worker.worker_id.clone(),
        instance_id: worker.instance_id.clone(),
        leases: Vec::new(),
        removed: removed.to_vec(),
    };
    Ok(world.workers.heartbeat(Request::new(request)).await?.into_inner().remove)
}

async fn asked(world: &World, worker: &Worker) -> Vec<StaleCheckpoints> {
    beat(world, worker, &[]).await.unwrap()
}

fn stale(lease: &v1::Lease) -> StaleCheckpoints {
    StaleCheckpoints { trial_id: lease.trial_id.clone(), attempt: lease.attempt }
}

async fn eight_days_pass(world: &World) {
    world.sql("update core.trial_state set ended_at = ended_at - interval '8 days'").await;
}

/// Saves a trial after four steps, and gives its lease.
async fn saved(world: &World, worker: &Worker) -> v1::Lease {
    let lease = world.claim_one(worker).await;
    world.report(&lease, 1, points(1, 4)).await.unwrap();
    world.save(&lease, checkpoint(4, 4)).await.unwrap();
    lease
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn every_worker_that_made_an_attempt_of_a_failed_trial_is_asked_after_a_week_until_it_says_so(
    pool: PgPool,
) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let (one, two) = (world.worker("one").await, world.worker("two").await);
    let stranger = world.worker("three").await;
    let first = saved(&world, &one).await;
    world.release(&first).await.unwrap();
    let second = saved(&world, &two).await;
    world.fail(&second, FailureKind::Input, "no data").await.unwrap();

    assert_eq!(cleaner::tick(&world.store, WEEK).await.unwrap(), 0);
    assert_eq!(asked(&world, &two).await, [], "somebody may try again");
    eight_days_pass(&world).await;
    assert_eq!(cleaner::tick(&world.store, WEEK).await.unwrap(), 2);
    assert_eq!(cleaner::tick(&world.store, WEEK).await.unwrap(), 0);
    world.check_invariants().await;
    for worker in [&one, &two] {
        for _ in 0..2 {
            assert_eq!(
                asked(&world, worker).await,
                [stale(&second)],
                "also the first one's, up to the last attempt"
            );
        }
    }
    assert_eq!(asked(&world, &stranger).await, []);

    // Each speaks for itself, and the same again changes nothing.
    for _ in 0..2 {
        assert_eq!(beat(&world, &one, &[stale(&second)]).await.unwrap(), []);
        assert_eq!(beat(&world, &stranger, &[stale(&second)]).await.unwrap(), []);
    }
    assert_eq!(asked(&world, &two).await, [stale(&second)]);
    // Another process of the name is asked on; the earlier one is not heard.
    let restarted = world.worker("two").await;
    assert_eq!(reason(beat(&world, &two, &[stale(&second)]).await), Reason::WorkerSuperseded);
    assert_eq!(asked(&world, &restarted).await, [stale(&second)]);
    assert_eq!(beat(&world, &restarted, &[stale(&second)]).await.unwrap(), []);
    assert_eq!(world.number("select count(*) from core.checkpoint_removal").await, 0);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_cancelled_trial_goes_on_where_it_was_within_the_week_and_starts_over_after_it(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let first = saved(&world, &worker).await;
    world.cancel(&sweep, false).await;
    world.release(&first).await.unwrap();
    assert_eq!(cleaner::tick(&world.store, WEEK).await.unwrap(), 0);
    world.retry(&sweep).await;
    let leased = world.claim(&worker, 1).await.remove(0);
    assert_eq!(leased.checkpoint.map(|saved| saved.step), Some(4));
    let second = leased.lease.unwrap();

    world.cancel(&sweep, false).await;
    world.release(&second).await.unwrap();
    eight_days_pass(&world).await;
    assert_eq!(cleaner::tick(&world.store, WEEK).await.unwrap(), 1);
    world.retry(&sweep).await;
    let leased = world.claim(&worker, 1).await.remove(0);
    assert_eq!(leased.checkpoint, None, "what is being removed is gone on from by nobody");
    let third = leased.lease.unwrap();
    // It saves while the worker still removes what was before; only that is asked for.
    world.report(&third, 1, points(1, 4)).await.unwrap();
    world.save(&third, checkpoint(4, 4)).await.unwrap();
    assert_eq!(asked(&world, &worker).await, [stale(&second)]);
    world.check_invariants().await;

    // More is to be removed before the first was told: the old answer does not stand for the new wish.
    world.fail(&third, FailureKind::Input, "no data").await.unwrap();
    eight_days_pass(&world).await;
    assert_eq!(cleaner::tick(&world.store, WEEK).await.unwrap(), 1);
    assert_eq!(beat(&world, &worker, &[stale(&second)]).await.unwrap(), [stale(&third)]);
    assert_eq!(beat(&world, &worker, &[stale(&third)]).await.unwrap(), []);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_retry_at_the_same_moment_either_keeps_the_checkpoint_or_goes_without_it(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let lease = saved(&world, &worker).await;
    world.fail(&lease, FailureKind::Input, "no data").await.unwrap();
    eight_days_pass(&world).await;
    // Somebody tries again, and has not committed yet.
    let mut retrying = world.store.begin().await.unwrap();
    let sweep_id = sweep.parse().unwrap();
    coordinator::store::steering::retry(&mut retrying, sweep_id).await.unwrap();
    assert_eq!(cleaner::tick(&world.store, WEEK).await.unwrap(), 0, "it is passed over");
    retrying.commit().await.unwrap();
    assert_eq!(cleaner::tick(&world.store, WEEK).await.unwrap(), 0, "it waits, and may be gone on with");
    let leased = world.claim(&worker, 1).await.remove(0);
    assert_eq!(leased.checkpoint.map(|saved| saved.step), Some(4));
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn what_is_left_of_a_trial_with_a_result_is_removed_by_those_who_made_its_attempts(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let (one, two) = (world.worker("one").await, world.worker("two").await);
    let first = saved(&world, &one).await;
    world.release(&first).await.unwrap();
    let second = saved(&world, &two).await;
    world.complete(&second, result(0.5), 4).await.unwrap();
    for worker in [&one, &two] {
        assert_eq!(asked(&world, worker).await, [stale(&second)]);
    }
    // One that was never saved has nothing to remove.
    world.submit(spec(1)).await;
    let unsaved = world.claim_one(&one).await;
    world.complete(&unsaved, result(0.5), 0).await.unwrap();
    assert_eq!(world.number("select count(*) from core.checkpoint_removal").await, 2);
    world.check_invariants().await;
}
