//! What Prometheus is told, and what `migrate` brings along.

use std::process::Command;

use coordinator::config::public_url;
use proto::Token;
use sqlx::PgPool;

use crate::served::{config, start_with_http};
use crate::world::{World, spec};

#[sqlx::test]
async fn the_families_that_prometheus_is_told_are_those_of_the_documentation(pool: PgPool) {
    let (_server, http) = start_with_http(config(&pool)).await;
    let world = World::new(&pool);
    world.submit(spec(3)).await;
    let worker = world.worker("one").await;
    world.claim_one(&worker).await;

    let answer = http.get("/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("openmetrics-text"), "{answer}");
    for line in [
        "batchsweep_trials{kind=\"pending\"} 2",
        "batchsweep_trials{kind=\"running\"} 1",
        "batchsweep_workers{kind=\"alive\"} 1",
        "batchsweep_workers_draining 0",
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
