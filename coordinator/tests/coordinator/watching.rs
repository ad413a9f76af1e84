use proto::v1::sweep_service_server::SweepService;
use proto::{Reason, v1};
use sqlx::PgPool;
use tokio_stream::StreamExt;
use tonic::Request;

use crate::world::{World, result, spec};

async fn watch(
    world: &World,
    sweep: &str,
) -> impl StreamExt<Item = Result<v1::WatchSweepResponse, tonic::Status>> + Unpin + use<> {
    let request = v1::WatchSweepRequest { sweep: sweep.to_owned() };
    world.sweeps.watch_sweep(Request::new(request)).await.unwrap().into_inner()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_watch_tells_each_change_and_ends_with_the_sweep(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(2)).await;
    let mut snapshots = watch(&world, &sweep).await;
    let first = snapshots.next().await.unwrap().unwrap();
    assert_eq!((first.progress, first.running.len()), (0.0, 0));

    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    world.heartbeat(&worker, std::slice::from_ref(&lease)).await.unwrap();
    let running = loop {
        let snapshot = snapshots.next().await.unwrap().unwrap();
        if snapshot.running.first().is_some_and(|trial| trial.progress.unwrap().step == 1) {
            break snapshot;
        }
    };
    // One step of ten, of one trial of two.
    assert!((running.progress - 0.05).abs() < 1e-9, "{}", running.progress);
    let trial = &running.running[0];
    assert_eq!((trial.worker.as_str(), trial.attempt, trial.batch_size), ("one", 1, 32));
    assert!(running.sweep.unwrap().source.is_empty());

    world.complete(&lease, result(0.5), 0).await.unwrap();
    world.complete(&world.claim_one(&worker).await, result(0.5), 0).await.unwrap();
    let mut last = None;
    while let Some(snapshot) = snapshots.next().await {
        last = Some(snapshot.unwrap());
    }
    let last = last.unwrap();
    assert_eq!(last.progress, 1.0);
    assert_eq!(last.sweep.unwrap().state(), v1::SweepState::Finished);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_finished_sweep_gives_one_snapshot(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    world.cancel(&sweep, false).await;
    let snapshots: Vec<_> = watch(&world, &sweep).await.collect().await;
    assert_eq!(snapshots.len(), 1);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn many_watches_of_one_sweep_all_see_its_end(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let mut watches = Vec::new();
    for _ in 0..5 {
        watches.push(watch(&world, &sweep).await);
    }
    world.cancel(&sweep, false).await;
    for watch in watches {
        let snapshots: Vec<_> = watch.collect().await;
        let last = snapshots.last().unwrap().as_ref().unwrap();
        assert_eq!(last.sweep.as_ref().unwrap().state(), v1::SweepState::Finished);
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_watch_of_nothing_is_refused(pool: PgPool) {
    let world = World::new(&pool);
    let request = v1::WatchSweepRequest { sweep: "none".to_owned() };
    let refused = world.sweeps.watch_sweep(Request::new(request)).await.err().unwrap();
    assert_eq!(Reason::of(&refused), Some(Reason::NotFound));
}
