//! Not a check: prints how fast the handlers are. `scripts/test-database cargo test -p coordinator -- --ignored
//! --nocapture throughput`. That Postgres does not wait for its disk, so only compare numbers of one machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgPool;

use crate::world::{World, points, result, spec};

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
#[ignore = "prints numbers, checks nothing"]
async fn throughput_of_claims_and_completions(pool: PgPool) {
    let world = Arc::new(World::new(&pool));
    world.submit(spec(8_000)).await;
    for workers in [1u32, 8, 32] {
        let started = Instant::now();
        let tasks: Vec<_> = (0..workers)
            .map(|index| {
                let world = world.clone();
                tokio::spawn(async move {
                    let worker = world.worker(&format!("worker-{workers}-{index}")).await;
                    let mut done = 0;
                    while started.elapsed() < Duration::from_secs(3) {
                        for trial in world.claim(&worker, 1).await {
                            world.complete(&trial.lease.unwrap(), result(0.5), 0).await.unwrap();
                            done += 1;
                        }
                    }
                    done
                })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await.unwrap();
        }
        eprintln!("{workers} workers: {:.0} trials/s", f64::from(done) / started.elapsed().as_secs_f64());
    }
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
#[ignore = "prints numbers, checks nothing"]
async fn throughput_of_records(pool: PgPool) {
    let world = Arc::new(World::new(&pool));
    world.submit(spec(8)).await;
    let worker = world.worker("one").await;
    for (writers, batch) in [(1, 500), (4, 500), (4, 5_000)] {
        let leases = world.claim(&worker, writers).await;
        let started = Instant::now();
        let tasks: Vec<_> = leases
            .into_iter()
            .map(|trial| {
                let (world, lease) = (world.clone(), trial.lease.unwrap());
                tokio::spawn(async move {
                    let mut next = 1;
                    while started.elapsed() < Duration::from_secs(3) {
                        next = world.report(&lease, next, points(next, batch)).await.unwrap() + 1;
                    }
                    world.complete(&lease, result(0.5), next - 1).await.unwrap();
                    next - 1
                })
            })
            .collect();
        let mut rows = 0;
        for task in tasks {
            rows += task.await.unwrap();
        }
        let rate = rows as f64 / started.elapsed().as_secs_f64();
        eprintln!("{writers} trials, {batch} records a call: {rate:.0} records/s");
    }
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
#[ignore = "prints numbers, checks nothing"]
async fn throughput_of_submission(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    for trials in [1_000, 100_000] {
        let started = Instant::now();
        let sweep = world.submit(spec(trials)).await;
        eprintln!("{trials} trials submitted in {:?}", started.elapsed());
        for round in 0..3 {
            let started = Instant::now();
            for _ in 0..50 {
                assert_eq!(world.claim(&worker, 1).await.len(), 1);
            }
            eprintln!("round {round}: a claim with {trials} pending takes {:?}", started.elapsed() / 50);
        }
        world.cancel(&sweep, false).await;
    }
}
