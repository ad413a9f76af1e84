//! What Prometheus is told, and what `migrate` brings along.

use std::process::Command;

use coordinator::ServeConfig;
use coordinator::config::public_url;
use proto::v1::worker_service_client::WorkerServiceClient;
use proto::{Token, v1};
use sqlx::PgPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use crate::served::{config, start_with};
use crate::world::{World, registration, spec};

async fn get(address: &str, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[sqlx::test]
async fn the_families_that_prometheus_is_told_are_those_of_the_documentation(pool: PgPool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("http");
    let server = start_with(ServeConfig {
        http_listen: "127.0.0.1:0".parse().unwrap(),
        http_address_file: Some(file.clone()),
        ..config(&pool)
    })
    .await;
    let world = World::new(&pool);
    world.submit(spec(3)).await;
    let mut workers = WorkerServiceClient::new(server.channel().await);
    let instance_id = Uuid::new_v4().to_string();
    let worker = workers.register_worker(registration("one", &instance_id)).await.unwrap().into_inner();
    let claim = v1::ClaimTrialsRequest {
        worker_id: worker.worker_id,
        instance_id,
        request_id: Uuid::new_v4().to_string(),
        max_trials: 1,
        wait: None,
    };
    workers.claim_trials(claim).await.unwrap();

    let url = std::fs::read_to_string(&file).unwrap();
    let answer = get(url.trim().strip_prefix("http://").unwrap(), "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("openmetrics-text"), "{answer}");
    for line in [
        "batchsweep_trials{kind=\"pending\"} 2",
        "batchsweep_trials{kind=\"running\"} 1",
        "batchsweep_workers{kind=\"alive\"} 1",
        "batchsweep_database_up 1",
    ] {
        assert!(answer.lines().any(|told| told == line), "{line} is not in {answer}");
    }
    let documentation = include_str!("../../../docs/DEPLOY.md");
    let mut told: Vec<_> = answer.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    told.iter_mut().for_each(|line| *line = line.split(' ').next().unwrap());
    let mut listed: Vec<_> = documentation
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.starts_with("batchsweep_") && !name.starts_with("batchsweep_worker_"))
        .collect();
    told.sort_unstable();
    listed.sort_unstable();
    assert_eq!(told, listed);
}

#[sqlx::test]
async fn migrate_keeps_a_token_and_a_new_file_takes_the_place_of_the_old_one(pool: PgPool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let migrate = || {
        let output = Command::new(env!("CARGO_BIN_EXE_batchsweep-coordinator"))
            .args(["migrate", "--keep-token", &format!("fleet=work,read={}", file.display())])
            .env("BATCHSWEEP_DATABASE_URL", public_url(&pool.connect_options()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let valid = async || -> Vec<Vec<u8>> {
        sqlx::query_scalar("select hash from core.token where name = 'fleet' and revoked_at is null")
            .fetch_all(&pool)
            .await
            .unwrap()
    };
    for _ in 0..2 {
        let token = Token::random().unwrap();
        std::fs::write(&file, token.expose()).unwrap();
        // Again changes nothing.
        migrate();
        migrate();
        assert_eq!(valid().await, [token.hash().to_vec()]);
    }
}
