//! Leases belong to the principal whose worker claimed them: knowing one is not enough.

use coordinator::access::{Caller, Principal};
use domain::access::Scope;
use proto::v1::worker_service_server::WorkerService;
use proto::{Reason, v1};
use sqlx::PgPool;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::world::{World, points, reason, registration, result, spec};

/// A request as the guard lets it through.
pub fn by<T>(name: &str, message: T) -> Request<T> {
    let principal = Principal { name: name.to_owned(), scopes: vec![Scope::Work], is_limited: true };
    let mut request = Request::new(message);
    request.extensions_mut().insert(Caller::Principal(principal));
    request
}

async fn register(world: &World, principal: &str, worker: &str) -> Result<(String, String), Status> {
    let instance_id = Uuid::new_v4().to_string();
    let answer = world.workers.register_worker(by(principal, registration(worker, &instance_id))).await?;
    Ok((answer.into_inner().worker_id, instance_id))
}

async fn claim(world: &World, principal: &str, worker: &(String, String)) -> Result<v1::Lease, Status> {
    let request = v1::ClaimTrialsRequest {
        worker_id: worker.0.clone(),
        instance_id: worker.1.clone(),
        request_id: Uuid::new_v4().to_string(),
        max_trials: 1,
        wait: None,
    };
    let mut trials = world.workers.claim_trials(by(principal, request)).await?.into_inner().trials;
    Ok(trials.pop().expect("a trial waits").lease.unwrap())
}

fn heartbeat(worker: &(String, String), lease: &v1::Lease) -> v1::HeartbeatRequest {
    v1::HeartbeatRequest {
        worker_id: worker.0.clone(),
        instance_id: worker.1.clone(),
        leases: vec![v1::LeaseProgress { lease: Some(lease.clone()), progress: None }],
        removed: Vec::new(),
    }
}

/// What each write of a worker with this lease gives.
async fn every_write(world: &World, principal: &str, lease: &v1::Lease) -> Vec<Result<(), Status>> {
    let lease = Some(lease.clone());
    let report = v1::ReportMetricsRequest { lease: lease.clone(), first_seq: 1, records: points(1, 2) };
    let fail = v1::FailTrialRequest {
        lease: lease.clone(),
        kind: v1::FailureKind::Trainer.into(),
        message: "broken".to_owned(),
    };
    let release = v1::ReleaseTrialRequest { lease: lease.clone(), reason: String::new() };
    let found = v1::ReportFindingsRequest { lease: lease.clone(), findings: Some(v1::Findings::default()) };
    let complete = v1::CompleteTrialRequest { lease, result: Some(result(0.5)), last_seq: 0 };
    vec![
        world.workers.report_findings(by(principal, found)).await.map(drop),
        world.workers.report_metrics(by(principal, report)).await.map(drop),
        world.workers.fail_trial(by(principal, fail)).await.map(drop),
        world.workers.release_trial(by(principal, release)).await.map(drop),
        world.workers.complete_trial(by(principal, complete)).await.map(drop),
    ]
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn another_principal_cannot_write_even_with_a_valid_lease(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let owner = register(&world, "owner", "gpu-0").await.unwrap();
    let thief = register(&world, "thief", "gpu-1").await.unwrap();
    let lease = claim(&world, "owner", &owner).await.unwrap();

    for refused in every_write(&world, "thief", &lease).await {
        assert_eq!(reason(refused), Reason::NotHolder);
    }
    // Neither as its own worker nor as the owner's.
    for worker in [&thief, &owner] {
        let refused = world.workers.heartbeat(by("thief", heartbeat(worker, &lease))).await;
        assert_eq!(reason(refused), Reason::NotHolder);
    }
    assert_eq!(reason(claim(&world, "thief", &owner).await), Reason::NotHolder);
    world.check_invariants().await;

    // Nothing of it was noticed by the owner.
    let answer = world.workers.heartbeat(by("owner", heartbeat(&owner, &lease))).await.unwrap().into_inner();
    assert_eq!(answer.leases[0].order(), v1::LeaseOrder::Continue);
    let complete =
        v1::CompleteTrialRequest { lease: Some(lease.clone()), result: Some(result(0.5)), last_seq: 0 };
    world.workers.complete_trial(by("owner", complete.clone())).await.unwrap();
    // A repetition of what is over: fine for its owner, still nobody else's.
    world.workers.complete_trial(by("owner", complete)).await.unwrap();
    for refused in every_write(&world, "thief", &lease).await {
        assert_eq!(reason(refused), Reason::NotHolder);
    }
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn an_expired_lease_goes_back_to_its_principal_only(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let owner = register(&world, "owner", "gpu-0").await.unwrap();
    let lease = claim(&world, "owner", &owner).await.unwrap();
    assert_eq!(world.expire_all().await, 1);
    for refused in every_write(&world, "thief", &lease).await {
        assert_eq!(reason(refused), Reason::NotHolder);
    }
    let answer = world.workers.heartbeat(by("owner", heartbeat(&owner, &lease))).await.unwrap().into_inner();
    assert_eq!(answer.leases[0].order(), v1::LeaseOrder::Continue);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_stale_lease_of_ones_own_is_lost_not_forbidden(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let owner = register(&world, "owner", "gpu-0").await.unwrap();
    let lease = claim(&world, "owner", &owner).await.unwrap();
    let stale = v1::Lease { token: vec![0; 16], ..lease };
    for refused in every_write(&world, "owner", &stale).await {
        assert_eq!(reason(refused), Reason::LeaseLost);
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_living_workers_name_is_its_principals(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let owner = register(&world, "owner", "gpu-0").await.unwrap();
    let lease = claim(&world, "owner", &owner).await.unwrap();
    assert_eq!(reason(register(&world, "thief", "gpu-0").await), Reason::NotHolder);
    assert_eq!(world.number("select count(*) from core.lease").await, 1);
    // A new process of the owner's, perhaps with a new token of the same name, takes over.
    register(&world, "owner", "gpu-0").await.unwrap();
    assert_eq!(world.number("select count(*) from core.lease").await, 0);
    for refused in every_write(&world, "owner", &lease).await {
        assert_eq!(reason(refused), Reason::LeaseLost);
    }
    // Once its worker is lost the name is free.
    world.sql("update core.worker set expires_at = now() - interval '1 second'").await;
    register(&world, "thief", "gpu-0").await.unwrap();
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_worker_from_before_tokens_were_asked_for_registers_again(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let worker = world.worker("gpu-0").await;
    let lease = world.claim_one(&worker).await;
    for refused in every_write(&world, "owner", &lease).await {
        assert_eq!(reason(refused), Reason::NotHolder);
    }
    register(&world, "owner", "gpu-0").await.unwrap();
    world.check_invariants().await;
}
