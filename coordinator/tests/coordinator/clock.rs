//! The database's clock is set back: what was said to happen later than anything can happens now.

use std::time::Duration;

use coordinator::tasks::reaper;
use proto::v1;
use sqlx::PgPool;
use uuid::Uuid;

use crate::world::{TTL, World, result, spec};

/// As if the clock had been right before, and were set back by a day now.
async fn set_back(world: &World) {
    for statement in [
        "update core.trial_state set run_after = run_after + interval '1 day'",
        "update core.lease set expires_at = expires_at + interval '1 day'",
        "update core.worker set expires_at = expires_at + interval '1 day', seen_at = seen_at + interval '1 day'",
        "update core.coordinator set healthy_since = healthy_since + interval '1 day', seen_at = seen_at + interval '1 day'",
    ] {
        world.sql(statement).await;
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn pending_trials_are_handed_out_and_lost_leases_end(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(3)).await;
    let (lost, living) = (world.worker("lost").await, world.worker("living").await);
    world.claim_one(&lost).await;
    let held = world.claim_one(&living).await;
    let coordinator_id = Uuid::new_v4();
    let tick = || reaper::tick(&world.store, coordinator_id, TTL);
    tick().await.unwrap();

    set_back(&world).await;
    world.claim_one(&living).await;
    assert_eq!(
        world.heartbeat(&living, std::slice::from_ref(&held)).await.unwrap(),
        [v1::LeaseOrder::Continue]
    );
    assert_eq!(tick().await.unwrap(), 0, "the grace begins anew");
    let pass = "update core.coordinator set healthy_since = now() - interval '30 seconds'";
    world.sql(pass).await;
    assert_eq!(tick().await.unwrap(), 0, "each lease has the usual time from now on");
    let ends = "select count(*) from core.lease where expires_at > now() + interval '30 seconds'";
    assert_eq!(world.number(ends).await, 0);
    world.sql("update core.lease set expires_at = now() - interval '1 second' where attempt = 1 and worker_id = \
               (select worker_id from core.worker where name = 'lost')")
        .await;
    assert_eq!(tick().await.unwrap(), 1);
    world.complete(&held, result(0.5), 0).await.unwrap();
    assert_eq!(world.counts(&sweep).await.succeeded, 1);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_delay_between_tries_is_kept_while_the_clock_is_right(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    assert!(world.fail(&lease, v1::FailureKind::Crash, "broken").await.unwrap());
    assert_eq!(world.claim(&worker, 1).await, [], "not before its time");
    let waits = "select count(*) from core.trial_state where run_after between now() and now() + interval '50 minutes'";
    assert_eq!(world.number(waits).await, 1);
    assert!(TTL < Duration::from_secs(3_600));
}
