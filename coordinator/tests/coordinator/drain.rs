//! Workers out of service: no trial is handed to them, what they hold ends as the operator says, and it stays that way until
//! they are put back.

use std::sync::Arc;

use proto::v1::fleet_service_server::FleetService;
use proto::v1::worker_service_server::WorkerService;
use proto::v1::{self, LeaseOrder};
use proto::{Reason, v1::WorkerDuty};
use sqlx::PgPool;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::world::{Worker, World, cell, column, points, reason, result, spec};

async fn drain(world: &World, worker: &str, hand_over: bool) -> Result<WorkerDuty, Status> {
    let request = v1::DrainWorkerRequest { worker: worker.to_owned(), hand_over };
    Ok(world.fleet.drain_worker(Request::new(request)).await?.into_inner().worker.unwrap())
}

async fn resume(world: &World, worker: &str) -> Result<WorkerDuty, Status> {
    let request = v1::ResumeWorkerRequest { worker: worker.to_owned() };
    Ok(world.fleet.resume_worker(Request::new(request)).await?.into_inner().worker.unwrap())
}

async fn status(world: &World) -> String {
    cell(&world.rows(v1::View::Worker, "", "").await, "status").unwrap()
}

/// A claim that waits for up to so many seconds.
fn waiting(
    world: &Arc<World>,
    worker: &Worker,
    seconds: i64,
) -> tokio::task::JoinHandle<Vec<v1::LeasedTrial>> {
    let (world, worker) = (world.clone(), worker.clone());
    tokio::spawn(async move {
        let request = v1::ClaimTrialsRequest {
            worker_id: worker.worker_id,
            instance_id: worker.instance_id,
            request_id: Uuid::new_v4().to_string(),
            max_trials: 1,
            wait: Some(prost_types::Duration { seconds, nanos: 0 }),
        };
        world.workers.claim_trials(Request::new(request)).await.unwrap().into_inner().trials
    })
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_drained_worker_finishes_what_it_holds_and_gets_nothing_until_it_is_put_back(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(3)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;

    let duty = drain(&world, "one", false).await.unwrap();
    assert_eq!((duty.worker_id.as_str(), duty.running, duty.draining), (worker.worker_id.as_str(), 1, true));
    assert_eq!(status(&world).await, "draining");
    assert_eq!(world.claim(&worker, 1).await, []);
    let orders = world.heartbeat(&worker, std::slice::from_ref(&lease)).await.unwrap();
    assert_eq!(orders, [LeaseOrder::Continue], "what it holds goes on");
    world.complete(&lease, result(0.5), 0).await.unwrap();
    assert_eq!(status(&world).await, "drained");
    assert_eq!(world.claim(&worker, 1).await, []);
    assert_eq!(world.counts(&sweep).await.succeeded, 1);

    // Again changes nothing; neither does another coordinator, or another process of the name.
    assert_eq!(drain(&world, "one", false).await.unwrap().running, 0);
    let other = World::new(&pool);
    assert_eq!(other.claim(&worker, 1).await, []);
    let restarted = other.worker("one").await;
    assert_eq!(other.claim(&restarted, 1).await, []);
    assert_eq!(status(&world).await, "drained");

    assert!(!resume(&world, "one").await.unwrap().draining);
    assert!(!resume(&world, "one").await.unwrap().draining);
    assert_eq!(status(&world).await, "idle");
    assert_eq!(other.claim(&restarted, 2).await.len(), 2);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn trials_that_are_handed_over_go_on_elsewhere_and_count_no_failure(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let (one, two) = (world.worker("one").await, world.worker("two").await);
    let lease = world.claim_one(&one).await;
    world.report(&lease, 1, points(1, 4)).await.unwrap();

    assert_eq!(drain(&world, "one", true).await.unwrap().running, 1);
    let held = std::slice::from_ref(&lease);
    assert_eq!(world.heartbeat(&one, held).await.unwrap(), [LeaseOrder::HandOver]);
    // Told again, as an answer may be lost; it may still save.
    assert_eq!(world.heartbeat(&one, held).await.unwrap(), [LeaseOrder::HandOver]);
    world.save(&lease, crate::checkpoints::checkpoint(4, 4)).await.unwrap();
    world.release(&lease).await.unwrap();
    assert_eq!(world.claim(&one, 1).await, [], "it gets back what it gave back");

    let leased = world.claim(&two, 1).await.remove(0);
    assert_eq!(leased.checkpoint.map(|saved| saved.step), Some(4));
    world.complete(&leased.lease.unwrap(), result(0.5), 0).await.unwrap();
    assert_eq!(world.counts(&sweep).await.succeeded, 1);
    let failures = "select sum(failures)::bigint from core.trial_state";
    assert_eq!(world.number(failures).await, 0);
    let outcomes = column(&world.rows(v1::View::Attempt, &sweep, "").await, "outcome");
    assert_eq!(outcomes, [Some("released".to_owned()), Some("succeeded".to_owned())]);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_cancelled_sweep_is_stopped_also_on_a_drained_worker(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    drain(&world, "one", true).await.unwrap();
    // The milder order again: it may finish after all.
    drain(&world, "one", false).await.unwrap();
    let held = std::slice::from_ref(&lease);
    assert_eq!(world.heartbeat(&worker, held).await.unwrap(), [LeaseOrder::Continue]);
    drain(&world, "one", true).await.unwrap();
    world.cancel(&sweep, false).await;
    assert_eq!(world.heartbeat(&worker, held).await.unwrap(), [LeaseOrder::Stop], "nothing is to be saved");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_claim_that_waits_gets_nothing_once_its_worker_is_drained_and_is_served_when_it_is_back(
    pool: PgPool,
) {
    let world = Arc::new(World::new(&pool));
    let (one, two) = (world.worker("one").await, world.worker("two").await);
    let asked = waiting(&world, &one, 20);
    let started = std::time::Instant::now();
    drain(&world, "one", false).await.unwrap();
    world.submit(spec(1)).await;
    // The other one gets it, though it asked later.
    let mut trials = waiting(&world, &two, 20).await.unwrap();
    assert_eq!(trials.len(), 1);
    world.complete(&trials.remove(0).lease.unwrap(), result(0.5), 0).await.unwrap();
    world.submit(spec(1)).await;
    assert_eq!(world.number("select count(*) from core.lease").await, 0);
    resume(&world, "one").await.unwrap();
    assert_eq!(asked.await.unwrap().len(), 1, "the same poll is served");
    assert!(started.elapsed().as_secs() < 15, "and not at its end: {:?}", started.elapsed());
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn drained_workers_that_wait_keep_no_other_worker_waiting(pool: PgPool) {
    let world = Arc::new(World::new(&pool));
    let mut idle = Vec::new();
    for number in 0..8 {
        let name = format!("drained-{number}");
        let worker = world.worker(&name).await;
        drain(&world, &name, false).await.unwrap();
        idle.push(waiting(&world, &worker, 20));
    }
    world.submit(spec(30)).await;
    let worker = world.worker("one").await;
    let started = std::time::Instant::now();
    // Each of them would wait for the poll of the next second if the line counted as unserved.
    for _ in 0..30 {
        let mut trials = waiting(&world, &worker, 20).await.unwrap();
        world.complete(&trials.remove(0).lease.unwrap(), result(0.5), 0).await.unwrap();
    }
    assert!(started.elapsed().as_secs() < 15, "30 trials took {:?}", started.elapsed());
    assert!(idle.iter().all(|claim| !claim.is_finished()));
    idle.iter().for_each(tokio::task::JoinHandle::abort);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_claim_that_is_being_answered_is_counted_by_the_operators_call(pool: PgPool) {
    use coordinator::store::claim::{self, ClaimRequest};
    use domain::units::RequestId;
    let world = Arc::new(World::new(&pool));
    world.submit(spec(2)).await;
    let worker = world.worker("one").await;
    let request = |request_id| ClaimRequest {
        process: worker.process(),
        request_id: RequestId(request_id),
        max_trials: 1,
    };
    let answered = Uuid::new_v4();
    let mut claiming = world.store.begin().await.unwrap();
    let leases = claim::claim(&mut claiming, &[request(answered)], crate::world::TTL).await.unwrap();
    assert_eq!(leases[0].len(), 1);
    let operator = tokio::spawn({
        let world = world.clone();
        async move { drain(&world, "one", false).await.unwrap() }
    });
    let blocked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    while world.number(blocked).await == 0 {
        tokio::task::yield_now().await;
    }
    claiming.commit().await.unwrap();
    assert_eq!(operator.await.unwrap().running, 1);
    // A lost answer is given again; a fresh wish is not granted.
    let mut again = world.store.begin().await.unwrap();
    let requests = [request(answered), request(Uuid::new_v4())];
    let answers = claim::claim(&mut again, &requests, crate::world::TTL).await.unwrap();
    assert_eq!((answers[0].len(), answers[1].len()), (1, 0));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn workers_are_named_as_sweeps_are_and_a_slip_is_answered_with_the_nearest_name(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("gpu-host-3").await;
    world.worker("other").await;
    assert_eq!(drain(&world, &worker.worker_id, false).await.unwrap().name, "gpu-host-3");
    let near = drain(&world, "gpu-hots-3", false).await.unwrap_err();
    assert!(near.message().contains("did you mean `gpu-host-3`"), "{near}");
    let unlike = resume(&world, "nobody").await.unwrap_err();
    assert!(unlike.message().contains("hint: see who is there"), "{unlike}");
    assert_eq!(reason(Err::<(), _>(unlike)), Reason::NotFound);
    assert_eq!(reason(drain(&world, "a\nb", false).await), Reason::InvalidRequest);
    // Both were made within a minute, so their ids begin alike.
    let prefix = &worker.worker_id[..6];
    assert_eq!(reason(drain(&world, prefix, false).await), Reason::Ambiguous);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn heartbeats_tell_a_worker_and_monitors_how_it_stands(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    let beat = async || {
        let request = v1::HeartbeatRequest {
            worker_id: worker.worker_id.clone(),
            instance_id: worker.instance_id.clone(),
            ..v1::HeartbeatRequest::default()
        };
        world.workers.heartbeat(Request::new(request)).await.unwrap().into_inner().draining
    };
    let counted = async || {
        let told = coordinator::metrics::scrape(&world.store).await.unwrap();
        told.lines().find_map(|line| line.strip_prefix("batchsweep_workers_draining ")?.parse::<i64>().ok())
    };
    assert_eq!((beat().await, counted().await), (false, Some(0)));
    drain(&world, "one", false).await.unwrap();
    assert_eq!((beat().await, counted().await), (true, Some(1)));
    resume(&world, "one").await.unwrap();
    assert_eq!((beat().await, counted().await), (false, Some(0)));
}
