//! The Grafana dashboard of deploy/: what it asks is there. That each panel shows something, scripts/test-compose tests.

use proto::v1;
use proto::v1::sweep_service_server::SweepService;
use serde_json::Value;
use sqlx::PgPool;
use tonic::Request;

use crate::world::{World, spec};

/// Titles of panels, and what they ask by that key.
fn asked(key: &str) -> Vec<(String, String)> {
    let dashboard: Value =
        serde_json::from_str(include_str!("../../../deploy/grafana/dashboards/batchsweep.json")).unwrap();
    let mut asked = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            if let Some(question) = target[key].as_str() {
                asked.push((panel["title"].to_string(), question.to_owned()));
            }
        }
    }
    assert!(!asked.is_empty());
    asked
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_reader_is_answered_each_statement_of_the_dashboard(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    for (title, sql) in asked("rawSql") {
        let answer = world.sweeps.query(Request::new(v1::QueryRequest { sql })).await;
        assert!(!answer.unwrap().into_inner().table.unwrap().columns.is_empty(), "{title}");
    }
}

#[test]
fn the_dashboard_asks_prometheus_for_documented_families_only() {
    let documented: Vec<_> = include_str!("../../../docs/DEPLOY.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    for (title, expression) in asked("expr") {
        let names = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        for name in names.filter(|name| name.starts_with("batchsweep_")) {
            let family = name.strip_suffix("_total").or_else(|| name.strip_suffix("_bucket")).unwrap_or(name);
            assert!(documented.contains(&family), "{title}: {name}");
        }
    }
}
