use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coordinator::store::claim::{self, ClaimRequest};
use domain::TrialSpec;
use domain::units::{RequestId, TrialId};
use proto::v1::worker_service_server::WorkerService;
use proto::{Wire, v1};
use sqlx::PgPool;
use tokio::sync::Barrier;
use tonic::Request;
use uuid::Uuid;

use crate::world::{TTL, Worker, World, spec};

fn request(worker: &Worker, max_trials: u32) -> ClaimRequest {
    ClaimRequest { process: worker.process(), request_id: RequestId(Uuid::new_v4()), max_trials }
}

fn trial_ids(trials: &[v1::LeasedTrial]) -> Vec<String> {
    trials.iter().map(|trial| trial.lease.as_ref().unwrap().trial_id.clone()).collect()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn two_claims_at_once_never_get_the_same_trial(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(10)).await;
    let (one, two) = (world.worker("one").await, world.worker("two").await);

    // The first has taken its trials but not committed when the second takes its own.
    let mut first = world.store.begin().await.unwrap();
    let mut second = world.store.begin().await.unwrap();
    let taken = claim::claim(&mut first, &[request(&one, 6)], TTL).await.unwrap();
    let others = claim::claim(&mut second, &[request(&two, 6)], TTL).await.unwrap();
    first.commit().await.unwrap();
    second.commit().await.unwrap();

    assert_eq!((taken[0].len(), others[0].len()), (6, 4));
    let rows = taken.into_iter().chain(others).flatten();
    let ids: Vec<TrialId> = rows.map(|row| row.read().unwrap().lease.trial_id).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 10);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn many_workers_on_two_coordinators_share_a_sweep_without_overlap(pool: PgPool) {
    let worlds = [Arc::new(World::new(&pool)), Arc::new(World::new(&pool))];
    worlds[0].submit(spec(60)).await;
    let barrier = Arc::new(Barrier::new(12));
    let tasks: Vec<_> = (0..12)
        .map(|index| {
            let (world, barrier) = (worlds[index % 2].clone(), barrier.clone());
            tokio::spawn(async move {
                let worker = world.worker(&format!("worker-{index}")).await;
                barrier.wait().await;
                let mut claimed = Vec::new();
                for _ in 0..5 {
                    let request = v1::ClaimTrialsRequest {
                        worker_id: worker.worker_id.clone(),
                        instance_id: worker.instance_id.clone(),
                        request_id: Uuid::new_v4().to_string(),
                        max_trials: 1,
                        wait: Some(prost_types::Duration { seconds: 20, nanos: 0 }),
                    };
                    let answer = world.workers.claim_trials(Request::new(request)).await.unwrap();
                    claimed.extend(trial_ids(&answer.into_inner().trials));
                }
                claimed
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for task in tasks {
        claimed.extend(task.await.unwrap());
    }
    assert_eq!(claimed.len(), 60);
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 60);
    worlds[0].check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_claim_that_will_not_wait_is_looked_for_also_after_a_look_in_vain_long_ago(pool: PgPool) {
    let (world, elsewhere) = (World::new(&pool), World::new(&pool));
    let worker = world.worker("one").await;
    assert_eq!(world.claim(&worker, 1).await, []);
    // No word of it comes to the first coordinator, and it has nobody to look for.
    elsewhere.submit(spec(1)).await;
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert_eq!(world.claim(&worker, 1).await.len(), 1);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_claim_asked_for_twice_gets_the_same_leases(pool: PgPool) {
    let (world, other_coordinator) = (World::new(&pool), World::new(&pool));
    world.submit(spec(6)).await;
    let worker = world.worker("one").await;
    let request_id = Uuid::new_v4();
    let first = world.claim_with(&worker, request_id, 2).await.unwrap();
    assert_eq!(first.len(), 2);
    assert_eq!(world.claim_with(&worker, request_id, 2).await.unwrap(), first);
    assert_eq!(other_coordinator.claim_with(&worker, request_id, 2).await.unwrap(), first);
    assert_eq!(world.number("select count(*) from core.attempt").await, 2);
    let fresh = world.claim(&worker, 2).await;
    assert!(trial_ids(&fresh).iter().all(|id| !trial_ids(&first).contains(id)));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_claim_in_two_coordinators_at_once_is_stored_once(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(4)).await;
    let worker = world.worker("one").await;
    let wish = request(&worker, 1);
    let mut first = world.store.begin().await.unwrap();
    let taken = claim::claim(&mut first, &[wish], TTL).await.unwrap();
    // The second sees nothing of the first, takes another trial, and waits on the request's own uniqueness.
    let second = tokio::spawn({
        let store = world.store.clone();
        async move {
            let mut second = store.begin().await.unwrap();
            claim::claim(&mut second, &[wish], TTL).await.map(drop)
        }
    });
    wait_until_blocked(&world).await;
    first.commit().await.unwrap();
    assert!(second.await.unwrap().is_err(), "the second is told to try again");
    let mut third = world.store.begin().await.unwrap();
    assert_eq!(claim::claim(&mut third, &[wish], TTL).await.unwrap(), taken);
    drop(third);
    world.check_invariants().await;
}

async fn wait_until_blocked(world: &World) {
    let blocked = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while world.number(blocked).await == 0 {
        tokio::task::yield_now().await;
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_waiting_claim_is_answered_when_a_sweep_arrives(pool: PgPool) {
    let (world, other_coordinator) = (Arc::new(World::new(&pool)), World::new(&pool));
    let worker = world.worker("one").await;
    let waiting = tokio::spawn({
        let (world, worker) = (world.clone(), worker.clone());
        async move {
            let request = v1::ClaimTrialsRequest {
                worker_id: worker.worker_id,
                instance_id: worker.instance_id,
                request_id: Uuid::new_v4().to_string(),
                max_trials: 1,
                wait: Some(prost_types::Duration { seconds: 30, nanos: 0 }),
            };
            world.workers.claim_trials(Request::new(request)).await.unwrap().into_inner().trials
        }
    });
    other_coordinator.submit(spec(1)).await;
    assert_eq!(waiting.await.unwrap().len(), 1);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_claim_without_trials_answers_with_none_at_its_deadline(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    let started = Instant::now();
    assert_eq!(world.claim(&worker, 1).await, []);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn sweeps_take_turns_and_each_goes_in_grid_order(pool: PgPool) {
    let world = World::new(&pool);
    let (large, small) = (world.submit(spec(50)).await, world.submit(spec(3)).await);
    let worker = world.worker("one").await;
    let mut order = Vec::new();
    for _ in 0..8 {
        let trials = world.claim(&worker, 1).await;
        order.push((trials[0].sweep_id.clone(), trials[0].trial_index));
    }
    let of =
        |sweep: &str| order.iter().filter(|(id, _)| id == sweep).map(|(_, index)| *index).collect::<Vec<_>>();
    assert_eq!(of(&small), [0, 1, 2]);
    assert_eq!(of(&large), [0, 1, 2, 3, 4]);
    assert!(
        order[..6].iter().filter(|(id, _)| *id == small).count() == 3,
        "the small sweep need not wait: {order:?}"
    );

    let batch = world.claim(&worker, 6).await;
    let indices: Vec<_> = batch.iter().map(|trial| trial.trial_index).collect();
    assert_eq!(indices.iter().collect::<HashSet<_>>(), (5..11).collect::<Vec<_>>().iter().collect());
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn few_trials_reach_many_waiting_workers(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(3)).await;
    let workers = [world.worker("a").await, world.worker("b").await, world.worker("c").await];
    let requests: Vec<_> = workers.iter().map(|worker| request(worker, 4)).collect();
    let mut transaction = world.store.begin().await.unwrap();
    let answers = claim::claim(&mut transaction, &requests, TTL).await.unwrap();
    assert_eq!(answers.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_leased_trial_is_the_sweeps_own(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(2)).await;
    let worker = world.worker("one").await;
    let leased = world.claim(&worker, 2).await;
    for (index, trial) in (0u64..).zip(&leased) {
        assert_eq!((trial.sweep_id.as_str(), trial.trial_index), (sweep.as_str(), index));
        let lease = trial.lease.as_ref().unwrap();
        assert_eq!((lease.attempt, lease.token.len()), (1, 16));
        let read = TrialSpec::from_wire(trial.spec.clone().unwrap()).unwrap();
        assert_eq!((read.settings.seed, read.settings.batch_size.get()), (index, 32));
    }
}
