use std::time::{Duration, Instant};

use proto::Reason;
use proto::v1::sweep_service_server::SweepService;
use proto::v1::{self, LeaseOrder};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tonic::Request;
use uuid::Uuid;

use crate::world::{World, points, reason, result, spec};

#[tokio::test]
async fn without_postgres_calls_are_refused_soon_and_by_name() {
    // Nobody listens on port 1.
    let nowhere = PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
    let world = World::new(&nowhere);
    let started = Instant::now();
    assert_eq!(reason(world.create(spec(1), Uuid::new_v4()).await), Reason::DatabaseUnavailable);
    let info = world.sweeps.get_server_info(Request::new(v1::GetServerInfoRequest {})).await;
    assert_eq!(reason(info), Reason::DatabaseUnavailable);
    let query = v1::QueryRequest { sql: "select 1".to_owned() };
    assert_eq!(reason(world.sweeps.query(Request::new(query)).await), Reason::DatabaseUnavailable);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn after_a_restart_of_postgres_a_trial_goes_on_where_it_was(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    world.report(&lease, 1, points(1, 3)).await.unwrap();
    // What a restart does to the coordinator: each of its connections ends.
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(world.heartbeat(&worker, std::slice::from_ref(&lease)).await.unwrap(), [LeaseOrder::Continue]);
    assert_eq!(world.report(&lease, 2, points(2, 4)).await.unwrap(), 5);
    world.complete(&lease, result(0.5), 5).await.unwrap();
    assert_eq!(world.counts(&sweep).await.succeeded, 1);
    world.check_invariants().await;
}
