//! A worker whose attempt is over changes nothing, and one that says a thing twice says it once.

use proto::{Reason, v1};
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::{World, cell, points, reason, result, spec};

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_zombie_changes_nothing_after_its_trial_went_to_another(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let (one, two) = (world.worker("one").await, world.worker("two").await);
    let zombie = world.claim_one(&one).await;
    world.report(&zombie, 1, points(1, 3)).await.unwrap();
    assert_eq!(world.expire_all().await, 1);
    world.skip_delays().await;
    let heir = world.claim_one(&two).await;
    assert_eq!((heir.trial_id.as_str(), heir.attempt), (zombie.trial_id.as_str(), 2));

    assert_eq!(world.heartbeat(&one, std::slice::from_ref(&zombie)).await.unwrap(), [v1::LeaseOrder::Lost]);
    assert_eq!(reason(world.report(&zombie, 4, points(4, 1)).await), Reason::LeaseLost);
    assert_eq!(reason(world.report(&zombie, 1, points(1, 3)).await), Reason::LeaseLost);
    assert_eq!(reason(world.complete(&zombie, result(9.0), 3).await), Reason::LeaseLost);
    assert_eq!(reason(world.fail(&zombie, v1::FailureKind::Crash, "late").await), Reason::LeaseLost);
    assert_eq!(reason(world.release(&zombie).await), Reason::LeaseLost);
    let forged = v1::Lease { token: zombie.token.clone(), ..heir.clone() };
    assert_eq!(reason(world.complete(&forged, result(9.0), 0).await), Reason::LeaseLost);
    world.check_invariants().await;

    assert_eq!(world.heartbeat(&two, std::slice::from_ref(&heir)).await.unwrap(), [v1::LeaseOrder::Continue]);
    world.complete(&heir, result(0.5), 0).await.unwrap();
    assert_eq!(reason(world.complete(&zombie, result(9.0), 3).await), Reason::LeaseLost);
    let table = world.rows(v1::View::Result, &sweep, "").await;
    assert_eq!(cell(&table, "final_train_loss").as_deref(), Some("0.5"));
    assert_eq!(cell(&table, "worker").as_deref(), Some("two"));
    assert_eq!(cell(&table, "attempts").as_deref(), Some("2"));
    assert_eq!(world.rows(v1::View::Metric, &sweep, "").await.rows, [], "the zombie's points are not shown");
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_cut_off_worker_gets_its_lease_back_while_nobody_else_has_the_trial(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(4)).await;
    let worker = world.worker("one").await;
    let leases: Vec<_> =
        world.claim(&worker, 4).await.into_iter().map(|trial| trial.lease.unwrap()).collect();
    world.report(&leases[0], 1, points(1, 2)).await.unwrap();
    assert_eq!(world.expire_all().await, 4);
    assert_eq!(world.counts(&sweep).await.pending, 4);

    // By any of its calls, with the same attempt, and without a failure on its account.
    assert_eq!(world.heartbeat(&worker, &leases[..1]).await.unwrap(), [v1::LeaseOrder::Continue]);
    assert_eq!(world.report(&leases[0], 2, points(2, 2)).await.unwrap(), 3);
    assert_eq!(world.report(&leases[1], 1, points(1, 1)).await.unwrap(), 1);
    world.complete(&leases[2], result(0.5), 0).await.unwrap();
    world.release(&leases[3]).await.unwrap();
    let counts = world.counts(&sweep).await;
    assert_eq!((counts.running, counts.succeeded, counts.pending), (2, 1, 1));
    assert_eq!(world.number("select sum(failures)::bigint from core.trial_state").await, 0);
    assert_eq!(world.number("select max(attempt)::bigint from core.trial_state").await, 1);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_lost_reply_to_a_completion_changes_nothing_twice(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    world.report(&lease, 1, points(1, 2)).await.unwrap();
    world.complete(&lease, result(0.5), 2).await.unwrap();
    world.complete(&lease, result(0.5), 2).await.unwrap();
    assert_eq!(reason(world.complete(&lease, result(0.4), 2).await), Reason::LeaseLost, "another result");
    assert_eq!(world.report(&lease, 1, points(1, 2)).await.unwrap(), 2, "a replayed spool is acknowledged");
    assert_eq!(reason(world.report(&lease, 3, points(3, 1)).await), Reason::LeaseLost, "but nothing new");
    assert_eq!(world.counts(&sweep).await.succeeded, 1);
    assert_eq!(world.number("select count(*) from core.result").await, 1);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_lost_reply_to_a_failure_or_release_changes_nothing_twice(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(2)).await;
    let worker = world.worker("one").await;
    let (failed, released) = (world.claim_one(&worker).await, world.claim_one(&worker).await);
    for _ in 0..2 {
        assert!(world.fail(&failed, v1::FailureKind::Trainer, "boom").await.unwrap());
        world.release(&released).await.unwrap();
    }
    assert_eq!(world.number("select sum(failures)::bigint from core.trial_state").await, 1);
    assert_eq!(world.number("select sum(preemptions)::bigint from core.trial_state").await, 1);
    assert_eq!(reason(world.release(&failed).await), Reason::LeaseLost);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_lease_that_never_was_is_lost(pool: PgPool) {
    let world = World::new(&pool);
    let lease = v1::Lease { trial_id: Uuid::new_v4().to_string(), attempt: 1, token: vec![0; 16] };
    assert_eq!(reason(world.complete(&lease, result(0.5), 0).await), Reason::LeaseLost);
    assert_eq!(reason(world.report(&lease, 1, points(1, 1)).await), Reason::LeaseLost);
}
