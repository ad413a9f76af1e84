use proto::v1::worker_service_server::WorkerService;
use proto::{Reason, v1};
use sqlx::PgPool;
use tonic::Request;
use uuid::Uuid;

use crate::world::{Worker, World, cell, column, points, reason, registration, result, spec};

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

/// Registers a new process of the name that shows these leases; gives it and what became of them.
async fn restarted(world: &World, name: &str, held: &[v1::Lease]) -> (Worker, Vec<v1::HeldState>) {
    let instance_id = Uuid::new_v4().to_string();
    let request = v1::RegisterWorkerRequest { held: held.to_vec(), ..registration(name, &instance_id) };
    let answer = world.workers.register_worker(Request::new(request)).await.unwrap().into_inner();
    let states = answer.held().collect();
    (Worker { worker_id: answer.worker_id, instance_id }, states)
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_lease_that_the_new_process_shows_is_its_own(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(2)).await;
    let old = world.worker("one").await;
    let shown = world.claim_one(&old).await;
    let not_shown = world.claim_one(&old).await;
    world.report(&shown, 1, points(1, 3)).await.unwrap();
    let (new, states) = restarted(&world, "one", std::slice::from_ref(&shown)).await;
    assert_eq!(states, [v1::HeldState::Ours]);
    let orders = world.heartbeat(&new, &[shown.clone(), not_shown]).await.unwrap();
    assert_eq!(orders, [v1::LeaseOrder::Continue, v1::LeaseOrder::Lost]);
    // What was stored before is told again, and changes nothing.
    assert_eq!(world.report(&shown, 1, points(1, 6)).await.unwrap(), 6);
    world.complete(&shown, result(0.5), 6).await.unwrap();
    assert_eq!(world.counts(&sweep).await.succeeded, 1);
    assert_eq!(world.number("select sum(failures)::bigint from core.trial_state").await, 1);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_shown_lease_that_ran_out_comes_back_unless_somebody_took_the_trial(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let old = world.worker("one").await;
    let lease = world.claim_one(&old).await;
    assert_eq!(world.expire_all().await, 1);
    let (_, states) = restarted(&world, "one", std::slice::from_ref(&lease)).await;
    assert_eq!(states, [v1::HeldState::Ours]);
    assert_eq!(world.report(&lease, 1, points(1, 2)).await.unwrap(), 2);
    assert_eq!(world.number("select sum(failures)::bigint from core.trial_state").await, 0);

    world.release(&lease).await.unwrap();
    let other = world.worker("two").await;
    let newer = world.claim_one(&other).await;
    let (_, states) = restarted(&world, "one", std::slice::from_ref(&lease)).await;
    assert_eq!(states, [v1::HeldState::Lost]);
    assert_eq!(reason(world.complete(&lease, result(0.1), 2).await), Reason::LeaseLost);
    // Another worker's lease is not taken over, whoever knows it.
    restarted(&world, "one", std::slice::from_ref(&newer)).await;
    assert_eq!(
        world.heartbeat(&other, std::slice::from_ref(&newer)).await.unwrap(),
        [v1::LeaseOrder::Continue]
    );
    world.complete(&newer, result(0.5), 0).await.unwrap();
    assert_eq!(world.counts(&sweep).await.succeeded, 1);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_lease_of_another_database_is_told_apart_from_a_lost_one(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    let foreign = v1::Lease { trial_id: Uuid::now_v7().to_string(), ..lease.clone() };
    let guessed = v1::Lease { token: vec![0; 16], ..lease };
    let (_, states) = restarted(&world, "one", &[foreign, guessed]).await;
    assert_eq!(states, [v1::HeldState::Unknown; 2]);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_trial_whose_trainer_was_killed_gets_a_smaller_micro_batch(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let first = world.claim(&worker, 1).await.remove(0);
    assert_eq!((first.micro_batch_cap, first.micro_batch_cap_reason.as_str()), (0, ""));
    let batch_size = first.spec.unwrap().settings.unwrap().batch_size;
    let lease = first.lease.unwrap();
    let killed = v1::FailureKind::SuspectedHostOom;
    assert!(world.fail(&lease, killed, "signal 9").await.unwrap());
    world.skip_delays().await;
    let second = world.claim(&worker, 1).await.remove(0);
    assert_eq!(second.micro_batch_cap, (batch_size / 4).max(1));
    assert!(
        second.micro_batch_cap_reason.contains("before its first step"),
        "{}",
        second.micro_batch_cap_reason
    );
    let attempts = world.rows(v1::View::Attempt, &sweep, "").await;
    assert_eq!(column(&attempts, "error_kind"), [Some("suspected_host_oom".to_owned()), None]);
}
