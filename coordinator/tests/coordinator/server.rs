//! The whole server, over TCP.

use std::time::{Duration, Instant};

use coordinator::{RunError, ServeConfig, health};
use proto::connection::Credentials;
use proto::v1::sweep_service_client::SweepServiceClient;
use proto::v1::worker_service_client::WorkerServiceClient;
use proto::{Reason, v1};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use uuid::Uuid;

use crate::served::{config, start, start_with_http};
use crate::world::{registration, spec};

async fn submit(sweeps: &mut SweepServiceClient<tonic::transport::Channel>, trials: u64) -> String {
    let request = v1::CreateSweepRequest {
        request_id: Uuid::new_v4().to_string(),
        spec: Some(spec(trials)),
        ..v1::CreateSweepRequest::default()
    };
    sweeps.create_sweep(request).await.unwrap().into_inner().sweep.unwrap().sweep_id
}

#[sqlx::test]
async fn a_fresh_database_is_migrated_and_served(pool: PgPool) {
    let server = start(&pool).await;
    let mut sweeps = SweepServiceClient::connect(server.address.clone()).await.unwrap();
    let info = sweeps.get_server_info(v1::GetServerInfoRequest {}).await.unwrap().into_inner();
    assert_eq!(info.protocol_version, proto::PROTOCOL_VERSION);
    assert!(info.reader_url.ends_with("&user=batchsweep_reader"), "{}", info.reader_url);
    assert!(!info.database_version.is_empty());
    let sweep = submit(&mut sweeps, 3).await;
    let found = sweeps.get_sweep(v1::GetSweepRequest { sweep: "@last".to_owned() }).await.unwrap();
    assert_eq!(found.into_inner().sweep.unwrap().sweep_id, sweep);

    let mut workers = WorkerServiceClient::connect(server.address.clone()).await.unwrap();
    let worker = registration("one", &Uuid::new_v4().to_string());
    let instance_id = worker.instance_id.clone();
    let worker_id = workers.register_worker(worker).await.unwrap().into_inner().worker_id;
    let claim = v1::ClaimTrialsRequest {
        worker_id,
        instance_id,
        request_id: Uuid::new_v4().to_string(),
        max_trials: 5,
        wait: Some(prost_types::Duration { seconds: 20, nanos: 0 }),
    };
    assert_eq!(workers.claim_trials(claim).await.unwrap().into_inner().trials.len(), 3);

    let refused = sweeps.get_sweep(v1::GetSweepRequest { sweep: "none".to_owned() }).await.unwrap_err();
    assert_eq!((refused.code(), Reason::of(&refused)), (Code::NotFound, Some(Reason::NotFound)));
    assert_eq!(
        health::check(server.address.clone(), &Credentials::default()).await.unwrap(),
        health::Status::Serving
    );
    server.shutdown.send(()).unwrap();
    server.running.await.unwrap().unwrap();
    assert!(health::check(server.address, &Credentials::default()).await.is_err());
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn reflection_lists_both_services(pool: PgPool) {
    let server = start(&pool).await;
    let channel =
        tonic::transport::Endpoint::from_shared(server.address.clone()).unwrap().connect().await.unwrap();
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["batchsweep.v1.SweepService", "batchsweep.v1.WorkerService", "grpc.health.v1.Health"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_shutdown_ends_watches_and_long_polls_at_once(pool: PgPool) {
    let server = start(&pool).await;
    let mut sweeps = SweepServiceClient::connect(server.address.clone()).await.unwrap();
    let sweep = submit(&mut sweeps, 1).await;
    sweeps.pause_sweep(v1::PauseSweepRequest { sweep: sweep.clone() }).await.unwrap();
    let mut watch = sweeps.watch_sweep(v1::WatchSweepRequest { sweep }).await.unwrap().into_inner();
    watch.next().await.unwrap().unwrap();

    let mut workers = WorkerServiceClient::connect(server.address.clone()).await.unwrap();
    let worker = registration("one", &Uuid::new_v4().to_string());
    let instance_id = worker.instance_id.clone();
    let worker_id = workers.register_worker(worker).await.unwrap().into_inner().worker_id;
    let claim = v1::ClaimTrialsRequest {
        worker_id,
        instance_id,
        request_id: Uuid::new_v4().to_string(),
        max_trials: 1,
        wait: Some(prost_types::Duration { seconds: 30, nanos: 0 }),
    };
    let polling = tokio::spawn(async move { workers.claim_trials(claim).await });
    // The poll is in line once the worker has been seen by it.
    while sqlx::query_scalar::<_, i64>("select count(*) from core.worker where seen_at > registered_at")
        .fetch_one(&pool)
        .await
        .unwrap()
        == 0
    {
        tokio::task::yield_now().await;
    }

    let started = Instant::now();
    server.shutdown.send(()).unwrap();
    let ended = loop {
        match watch.next().await {
            Some(Ok(_)) => {}
            Some(Err(status)) => break status,
            None => panic!("a watch must not end as if its sweep had finished"),
        }
    };
    assert_eq!(ended.code(), Code::Unavailable);
    if let Ok(answer) = polling.await.unwrap() {
        assert_eq!(answer.into_inner().trials, []);
    }
    server.running.await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn an_unmigrated_database_is_refused_when_told_not_to_migrate(pool: PgPool) {
    sqlx::query("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)")
        .execute(&pool)
        .await
        .unwrap();
    let config = ServeConfig { no_migrate: true, ..config(&pool) };
    let listener = TcpListener::bind(config.listen).await.unwrap();
    let refused = coordinator::run(config, listener, std::future::pending()).await.unwrap_err();
    assert!(matches!(refused, RunError::Connect(_)), "{refused}");
}

#[sqlx::test]
async fn liveness_is_served_over_http_and_a_taken_port_is_told(pool: PgPool) {
    let (_server, http) = start_with_http(config(&pool)).await;
    let answer = http.get("/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = ServeConfig { http_listen: http.address.parse().unwrap(), ..config(&pool) };
    let taken = coordinator::run(second, listener, std::future::pending()).await.unwrap_err();
    assert!(matches!(taken, RunError::Http { .. }), "{taken}");
}
