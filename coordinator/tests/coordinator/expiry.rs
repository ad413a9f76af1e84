use std::time::Duration;

use coordinator::tasks::reaper;
use domain::run::Lease;
use proto::{Wire, v1};
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::{TTL, World, cell, column, result, spec};

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn an_expired_trial_is_tried_again_and_fails_after_three(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    for attempt in 1..=3 {
        assert_eq!(world.claim_one(&worker).await.attempt, attempt);
        assert_eq!(world.expire_all().await, 1);
        world.skip_delays().await;
        world.check_invariants().await;
    }
    assert_eq!(world.counts(&sweep).await.failed, 1);
    let attempts = world.rows(v1::View::Attempt, &sweep, "").await;
    assert_eq!(column(&attempts, "error_kind"), vec![Some("worker_lost".to_owned()); 3]);
    let error = cell(&world.rows(v1::View::Result, &sweep, "").await, "error");
    assert!(error.unwrap().contains("no heartbeat"));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_heartbeat_keeps_a_lease(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    world.sql("update core.lease set expires_at = now() - interval '1 second'").await;
    // Late, but nobody has looked yet.
    assert_eq!(world.heartbeat(&worker, &[lease]).await.unwrap(), [v1::LeaseOrder::Continue]);
    let left = "select extract(epoch from expires_at - now())::bigint from core.lease";
    assert!((28..=30).contains(&world.number(left).await));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn no_lease_ends_within_the_grace_of_a_start_or_an_outage(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    world.claim_one(&world.worker("one").await).await;
    world.sql("update core.lease set expires_at = now() - interval '1 hour'").await;
    let coordinator = Uuid::now_v7();
    let tick = || reaper::tick(&world.store, coordinator, TTL);
    assert_eq!(tick().await.unwrap(), 0, "it has just started");
    assert_eq!(tick().await.unwrap(), 0);

    // It has been up for a while, but did not get to look for longer than half a lease: an outage.
    world
        .sql(
            "update core.coordinator
             set healthy_since = now() - interval '1 hour', seen_at = now() - interval '16 seconds'",
        )
        .await;
    assert_eq!(tick().await.unwrap(), 0, "the grace begins anew");
    assert_eq!(world.counts(&sweep).await.running, 1);

    world.sql("update core.coordinator set healthy_since = now() - interval '29 seconds'").await;
    assert_eq!(tick().await.unwrap(), 0, "not yet a whole lease");
    world.sql("update core.coordinator set healthy_since = now() - interval '30 seconds'").await;
    assert_eq!(tick().await.unwrap(), 1);
    assert_eq!(world.counts(&sweep).await.pending, 1);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_reaper_skips_a_lease_that_is_being_written(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    let mut writing = world.store.begin().await.unwrap();
    let held = Lease::from_wire(lease.clone()).unwrap();
    sqlx::query("update core.lease set expires_at = now() - interval '1 second'")
        .execute(&mut *writing)
        .await
        .unwrap();
    coordinator::store::lease::hold(&mut writing, &held, None, TTL).await.unwrap().unwrap();
    let mut reaping = world.store.begin().await.unwrap();
    assert_eq!(coordinator::store::expiry::expire(&mut reaping, TTL).await.unwrap(), []);
    drop((writing, reaping));
    world.complete(&lease, result(0.5), 0).await.unwrap();
    assert_eq!(world.counts(&sweep).await.succeeded, 1);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_reaper_runs_by_itself_with_a_short_lease(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    world.claim_one(&world.worker("one").await).await;
    world.sql("update core.lease set expires_at = now()").await;
    let stop = tokio_util::sync::CancellationToken::new();
    let ttl = Duration::from_millis(100);
    let running =
        tokio::spawn(reaper::run(world.store.clone(), world.context.claims.clone(), ttl, stop.clone()));
    while world.counts(&sweep).await.running > 0 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
    world.check_invariants().await;
}
