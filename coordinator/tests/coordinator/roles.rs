//! The database's roles: what each may do, tried by logging in as it.

use coordinator::ServeConfig;
use coordinator::config::{DatabaseConfig, public_url};
use coordinator::store::connect::{self, ConnectError};
use proto::v1;
use proto::v1::sweep_service_client::SweepServiceClient;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::served::{config, start_with};
use crate::world::{World, points, result, spec};

fn as_role(pool: &PgPool, role: &str) -> PgConnectOptions {
    (*pool.connect_options()).clone().username(role)
}

async fn log_in(pool: &PgPool, role: &str) -> PgPool {
    PgPoolOptions::new().max_connections(4).connect_with(as_role(pool, role)).await.unwrap()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_coordinator_does_all_its_work_without_owning_the_schema(pool: PgPool) {
    let runtime = log_in(&pool, "batchsweep_coordinator").await;
    let world = World::new(&runtime);
    let sweep = world.submit(spec(3)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    world.report(&lease, 1, points(1, 3)).await.unwrap();
    world.heartbeat(&worker, std::slice::from_ref(&lease)).await.unwrap();
    world.complete(&lease, result(0.5), 3).await.unwrap();
    let lease = world.claim_one(&worker).await;
    world.fail(&lease, v1::FailureKind::Input, "no data").await.unwrap();
    let lease = world.claim_one(&worker).await;
    world.release(&lease).await.unwrap();
    world.retry(&sweep).await;
    world.cancel(&sweep, false).await;
    assert_eq!(world.rows(v1::View::Result, &sweep, "").await.rows.len(), 3);
    world.expire_all().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_coordinator_of_that_role_serves_a_schema_that_its_owner_migrated(pool: PgPool) {
    let url = public_url(&as_role(&pool, "batchsweep_coordinator"));
    let database = DatabaseConfig { database_url: Some(url), database_url_file: None };
    let server = start_with(ServeConfig { database, no_migrate: true, ..config(&pool) }).await;
    let request = v1::CreateSweepRequest {
        request_id: Uuid::new_v4().to_string(),
        spec: Some(spec(1)),
        ..v1::CreateSweepRequest::default()
    };
    SweepServiceClient::new(server.channel().await).create_sweep(request).await.unwrap();
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_coordinators_role_changes_no_table_and_is_told_who_may(pool: PgPool) {
    let runtime = log_in(&pool, "batchsweep_coordinator").await;
    let role: String = sqlx::query_scalar("select current_user::text").fetch_one(&runtime).await.unwrap();
    assert_eq!(role, "batchsweep_coordinator");
    for sql in [
        "create table core.mine (x int)",
        "create table public.mine (x int)",
        "create table batchsweep.mine (x int)",
        "create temporary table mine (x int)",
        "create schema mine",
        "create role mine",
        "alter table core.trial add column mine int",
        "drop table core.metric",
        "truncate core.metric",
        "create index on core.trial (trial_id)",
        "create view batchsweep.mine as select 1",
        "alter role batchsweep_reader superuser",
        "delete from public._sqlx_migrations",
        "select pg_read_file('/etc/passwd')",
        "copy core.sweep to program 'true'",
    ] {
        let refused = sqlx::query(AssertSqlSafe(sql)).execute(&runtime).await.unwrap_err().to_string();
        let refusals = ["permission denied", "must be owner", "must be superuser", "must have admin"];
        assert!(refusals.iter().any(|because| refused.contains(because)), "{sql}: {refused}");
    }
    let refused = connect::migrate(&as_role(&pool, "batchsweep_coordinator")).await.unwrap_err();
    assert!(matches!(refused, ConnectError::MayNotMigrate { .. }), "{refused:?}");
    assert!(refused.to_string().contains("batchsweep-coordinator migrate"), "{refused}");
    connect::check_migrated(&as_role(&pool, "batchsweep_coordinator")).await.unwrap();
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn tables_of_later_migrations_are_the_coordinators_and_views_the_readers(pool: PgPool) {
    sqlx::query("create table core.later (id bigint generated always as identity, x int)")
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("create view batchsweep.later as select x from core.later").execute(&pool).await.unwrap();
    let runtime = log_in(&pool, "batchsweep_coordinator").await;
    sqlx::query("insert into core.later (x) values (1)").execute(&runtime).await.unwrap();
    let reader = log_in(&pool, "batchsweep_reader").await;
    let seen: i32 = sqlx::query_scalar("select x from batchsweep.later").fetch_one(&reader).await.unwrap();
    assert_eq!(seen, 1);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn readers_see_no_token_and_no_lease(pool: PgPool) {
    let reader = log_in(&pool, "batchsweep_reader").await;
    for sql in
        ["select hash from core.token", "select token from core.lease", "select principal from core.worker"]
    {
        let refused = sqlx::query(AssertSqlSafe(sql)).fetch_all(&reader).await.unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{sql}: {refused}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_statement_that_never_ends_is_ended(pool: PgPool) {
    let runtime = log_in(&pool, "batchsweep_coordinator").await;
    let timeouts: (String, String) = sqlx::query_as(
        "select current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')",
    )
    .fetch_one(&runtime)
    .await
    .unwrap();
    assert_eq!(timeouts, ("1min".to_owned(), "1min".to_owned()));
}
