use proto::v1::worker_service_server::WorkerService;
use proto::{Reason, v1};
use sqlx::PgPool;
use tonic::Request;
use uuid::Uuid;

use crate::world::{Worker, World, cell, reason, registration, result, spec};

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_new_process_of_a_name_ends_what_the_old_one_held(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(2)).await;
    let old = world.worker("one").await;
    let lease = world.claim_one(&old).await;
    let new = world.worker("one").await;
    assert_eq!(new.worker_id, old.worker_id);
    assert_eq!(world.counts(&sweep).await.pending, 2);
    assert_eq!(world.number("select sum(failures)::bigint from core.trial_state").await, 1);
    let attempts = world.rows(v1::View::Attempt, &sweep, "").await;
    assert_eq!(cell(&attempts, "error_kind").as_deref(), Some("worker_lost"));

    let leases = std::slice::from_ref(&lease);
    assert_eq!(reason(world.heartbeat(&old, leases).await), Reason::WorkerSuperseded);
    assert_eq!(reason(world.claim_with(&old, Uuid::new_v4(), 1).await), Reason::WorkerSuperseded);
    // The trial waits, but the old process is no cut-off holder any more.
    assert_eq!(reason(world.complete(&lease, result(0.5), 0).await), Reason::LeaseLost);
    assert_eq!(world.heartbeat(&new, leases).await.unwrap(), [v1::LeaseOrder::Lost]);
    assert_eq!(world.claim(&new, 2).await.len(), 1, "the lost trial waits a second, the other does not");
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn registering_twice_changes_nothing(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    let again =
        world.workers.register_worker(Request::new(registration("one", &worker.instance_id))).await.unwrap();
    assert_eq!(again.into_inner().worker_id, worker.worker_id);
    assert_eq!(world.heartbeat(&worker, &[lease]).await.unwrap(), [v1::LeaseOrder::Continue]);
    assert_eq!(world.counts(&sweep).await.running, 1);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_superseded_process_that_waits_for_a_trial_is_told(pool: PgPool) {
    let world = std::sync::Arc::new(World::new(&pool));
    let old = world.worker("one").await;
    let waiting = tokio::spawn({
        let (world, old) = (world.clone(), old.clone());
        async move {
            let request = v1::ClaimTrialsRequest {
                worker_id: old.worker_id,
                instance_id: old.instance_id,
                request_id: Uuid::new_v4().to_string(),
                max_trials: 1,
                wait: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            };
            world.workers.claim_trials(Request::new(request)).await.map(tonic::Response::into_inner)
        }
    });
    world.worker("one").await;
    world.submit(spec(1)).await;
    assert_eq!(reason(waiting.await.unwrap()), Reason::WorkerSuperseded);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn another_protocol_is_refused(pool: PgPool) {
    let world = World::new(&pool);
    let instance = Uuid::new_v4().to_string();
    let other = v1::RegisterWorkerRequest { protocol_version: 999, ..registration("one", &instance) };
    let refused = world.workers.register_worker(Request::new(other)).await;
    assert!(refused.as_ref().unwrap_err().message().contains("999"));
    assert_eq!(reason(refused), Reason::ProtocolMismatch);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn malformed_workers_and_claims_are_refused(pool: PgPool) {
    let world = World::new(&pool);
    let instance = Uuid::new_v4().to_string();
    for broken in [
        registration("", &instance),
        registration("a\nb", &instance),
        registration("one", "seven"),
        v1::RegisterWorkerRequest { device: None, ..registration("one", &instance) },
    ] {
        let refused = world.workers.register_worker(Request::new(broken.clone())).await;
        assert_eq!(reason(refused), Reason::InvalidRequest, "{broken:?}");
    }
    let worker = world.worker("one").await;
    assert_eq!(reason(world.claim_with(&worker, Uuid::new_v4(), 0).await), Reason::InvalidRequest);
    let stranger = Worker { worker_id: Uuid::new_v4().to_string(), ..worker };
    assert_eq!(reason(world.claim_with(&stranger, Uuid::new_v4(), 1).await), Reason::NotFound);
    assert_eq!(reason(world.heartbeat(&stranger, &[]).await), Reason::NotFound);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn workers_are_idle_busy_or_lost(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let status = || async { cell(&world.rows(v1::View::Worker, "", "").await, "status").unwrap() };
    assert_eq!(status().await, "idle");
    world.claim_one(&worker).await;
    assert_eq!(status().await, "busy");
    world.sql("update core.worker set expires_at = now() - interval '1 second'").await;
    assert_eq!(status().await, "lost");
    world.heartbeat(&worker, &[]).await.unwrap();
    assert_eq!(status().await, "busy");
}
