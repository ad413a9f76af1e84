//! Limits, and that whoever meets one is told which.

use std::time::Duration;

use coordinator::ServeConfig;
use coordinator::config::LimitsConfig;
use domain::access::Scope;
use proto::reason::retry_delay;
use proto::v1::sweep_service_client::SweepServiceClient;
use proto::v1::worker_service_client::WorkerServiceClient;
use proto::v1::worker_service_server::WorkerService;
use proto::{Reason, v1};
use sqlx::PgPool;
use tokio_stream::StreamExt;
use tonic::Code;
use uuid::Uuid;

use crate::served::{config, guarded, start, start_with, token};
use crate::world::{World, points, reason, registration, spec};

fn submission() -> v1::CreateSweepRequest {
    v1::CreateSweepRequest {
        request_id: Uuid::new_v4().to_string(),
        spec: Some(spec(1)),
        ..v1::CreateSweepRequest::default()
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn too_many_submissions_are_told_when_to_come_back(pool: PgPool) {
    let limits = LimitsConfig { max_submissions_per_minute: 1, ..LimitsConfig::default() };
    let server = start_with(ServeConfig { limits, ..guarded(&pool) }).await;
    let mut anna = SweepServiceClient::new(server.with(&token(&pool, "anna", &[Scope::Submit]).await).await);
    let mut ben = SweepServiceClient::new(server.with(&token(&pool, "ben", &[Scope::Submit]).await).await);
    anna.create_sweep(submission()).await.unwrap();
    let refused = anna.create_sweep(submission()).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::RateLimited));
    assert!(retry_delay(&refused).unwrap() > Duration::from_secs(50), "{refused:?}");
    // Neither a check nor somebody else's sweep counts.
    anna.create_sweep(v1::CreateSweepRequest { validate_only: true, ..submission() }).await.unwrap();
    ben.create_sweep(submission()).await.unwrap();
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn too_many_records_are_told_when_to_come_back(pool: PgPool) {
    let limits = LimitsConfig { max_rows_per_second: 1, ..LimitsConfig::default() };
    let server = start_with(ServeConfig { limits, ..guarded(&pool) }).await;
    let token = token(&pool, "gpu", &[Scope::Work, Scope::Submit]).await;
    SweepServiceClient::new(server.with(&token).await).create_sweep(submission()).await.unwrap();
    let mut workers = WorkerServiceClient::new(server.with(&token).await);
    let instance_id = Uuid::new_v4().to_string();
    let worker = workers.register_worker(registration("gpu", &instance_id)).await.unwrap().into_inner();
    let claim = v1::ClaimTrialsRequest {
        worker_id: worker.worker_id,
        instance_id,
        request_id: Uuid::new_v4().to_string(),
        max_trials: 1,
        wait: None,
    };
    let lease = workers.claim_trials(claim).await.unwrap().into_inner().trials.remove(0).lease;
    let report = |first_seq, count| v1::ReportMetricsRequest {
        lease: lease.clone(),
        first_seq,
        records: points(first_seq, count),
    };
    // As many as one call may bring always fit.
    workers.report_metrics(report(1, 5_000)).await.unwrap();
    let refused = workers.report_metrics(report(5_001, 3)).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::RateLimited));
    assert!(retry_delay(&refused).unwrap() > Duration::from_secs(1), "{refused:?}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_message_names_few_things_at_once_and_its_texts_come_back_short(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    let lease = v1::Lease { trial_id: Uuid::new_v4().to_string(), attempt: 1, token: vec![0; 16] };
    let refused = world.heartbeat(&worker, &vec![lease; 1_001]).await;
    assert!(
        refused.as_ref().unwrap_err().message().contains("holds 1001 leases; send at most 1000"),
        "{refused:?}"
    );
    assert_eq!(reason(refused), Reason::InvalidRequest);
    let long = "\u{1b}[31m".repeat(1 << 18);
    let claim = v1::ClaimTrialsRequest {
        worker_id: long,
        instance_id: worker.instance_id.clone(),
        request_id: Uuid::new_v4().to_string(),
        max_trials: 1,
        wait: None,
    };
    let refused = world.workers.claim_trials(tonic::Request::new(claim)).await.unwrap_err();
    assert!(refused.message().len() < 300 && !refused.message().contains('\u{1b}'), "{refused}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn messages_sweeps_and_names_have_a_greatest_length(pool: PgPool) {
    let server = start(&pool).await;
    let mut sweeps = SweepServiceClient::new(server.channel().await);
    let source = "#".repeat(proto::MAX_MESSAGE_BYTES);
    let refused = sweeps.create_sweep(v1::CreateSweepRequest { source, ..submission() }).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::LimitExceeded), "{refused}");
    assert!(refused.message().contains("64 MiB"), "{refused}");

    let world = World::new(&pool);
    let long = "x".repeat(100_000);
    let mut large = spec(1);
    large.data.as_mut().unwrap().source =
        Some(v1::data_spec::Source::Idx(v1::IdxData { path: long.repeat(30) }));
    assert_eq!(reason(world.create(large, Uuid::new_v4()).await), Reason::LimitExceeded);
    let refused = sweeps.get_sweep(v1::GetSweepRequest { sweep: long.clone() }).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::InvalidRequest));
    assert!(refused.message().len() < 200, "an error does not repeat what was too long");
    let refused = sweeps.pause_sweep(v1::PauseSweepRequest { sweep: long.clone() }).await;
    assert_eq!(reason(refused), Reason::InvalidRequest);
    let worker = world.workers.clone();
    let register = tonic::Request::new(registration(&long, &Uuid::new_v4().to_string()));
    let refused = WorkerService::register_worker(&worker, register).await;
    assert_eq!(reason(refused), Reason::InvalidRequest);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_page_of_large_sweeps_is_as_long_as_a_message_holds(pool: PgPool) {
    let server = start(&pool).await;
    let mut sweeps =
        SweepServiceClient::new(server.channel().await).max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
    let path = "x".repeat(2_000_000);
    for _ in 0..20 {
        let mut request = submission();
        let data = request.spec.as_mut().unwrap().data.as_mut().unwrap();
        data.source = Some(v1::data_spec::Source::Idx(v1::IdxData { path: path.clone() }));
        sweeps.create_sweep(request).await.unwrap();
    }
    let (mut pages, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListSweepsRequest { page_size: 1_000, page_token };
        let page = sweeps.list_sweeps(request).await.unwrap().into_inner();
        pages.push(page.sweeps.len());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!((pages.len(), pages.iter().sum::<usize>()), (2, 20), "{pages:?}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_connection_too_many_is_told_so_and_a_free_place_is_taken(pool: PgPool) {
    let limits = LimitsConfig { max_connections: 1, ..LimitsConfig::default() };
    let server = start_with(ServeConfig { limits, ..config(&pool) }).await;
    let info = || v1::GetServerInfoRequest {};
    let mut first = SweepServiceClient::new(server.channel().await);
    first.get_server_info(info()).await.unwrap();
    let second = server.channel().await;
    let refused = SweepServiceClient::new(second.clone()).get_server_info(info()).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::LimitExceeded));
    assert!(refused.message().contains("--max-connections") && retry_delay(&refused).is_some(), "{refused}");
    // Answering costs too: past twice the limit nobody is answered.
    let third = SweepServiceClient::connect(server.address.clone()).await;
    let refused = match third {
        Ok(mut third) => third.get_server_info(info()).await.map(drop).map_err(|status| status.code()),
        Err(_) => Err(Code::Unavailable),
    };
    assert!(matches!(refused, Err(Code::Unavailable | Code::Unknown | Code::Cancelled)), "{refused:?}");
    drop((first, second));
    while SweepServiceClient::new(server.channel().await).get_server_info(info()).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn old_connections_and_watches_end_and_their_callers_come_back(pool: PgPool) {
    let limits = LimitsConfig { max_connection_age: Duration::from_millis(300), ..LimitsConfig::default() };
    let server = start_with(ServeConfig { limits, ..config(&pool) }).await;
    let mut sweeps = SweepServiceClient::new(server.channel().await);
    let sweep = sweeps.create_sweep(submission()).await.unwrap().into_inner().sweep.unwrap().sweep_id;
    let mut watch = sweeps.watch_sweep(v1::WatchSweepRequest { sweep }).await.unwrap().into_inner();
    // A call that is under way when its connection gets too old is still answered.
    let mut workers = WorkerServiceClient::new(server.channel().await);
    let instance_id = Uuid::new_v4().to_string();
    let worker = workers.register_worker(registration("gpu", &instance_id)).await.unwrap().into_inner();
    sweeps.pause_sweep(v1::PauseSweepRequest { sweep: "@last".to_owned() }).await.unwrap();
    let claim = v1::ClaimTrialsRequest {
        worker_id: worker.worker_id,
        instance_id,
        request_id: Uuid::new_v4().to_string(),
        max_trials: 1,
        wait: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
    };
    assert_eq!(workers.claim_trials(claim).await.unwrap().into_inner().trials, []);
    let ended = loop {
        match watch.next().await.expect("a watch must not end as if its sweep had finished") {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    // No reason of a refusal: the caller asks again.
    assert_eq!((ended.code(), Reason::of(&ended)), (Code::Unavailable, None), "{ended}");
    // The channel connects anew by itself.
    sweeps.list_sweeps(v1::ListSweepsRequest::default()).await.unwrap();
}
