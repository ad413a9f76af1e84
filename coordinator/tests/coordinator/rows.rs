use std::time::{Duration, Instant};

use coordinator::store::rows::View;
use proto::v1::{self, ColumnKind};
use sqlx::PgPool;

use crate::world::{World, cell, column, draft, points, result, spec};

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_result_row_is_there_from_the_start_and_fills_up(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let get = |name: &'static str| {
        let (world, sweep) = (&world, sweep.clone());
        async move { cell(&world.rows(v1::View::Result, &sweep, "").await, name) }
    };
    assert_eq!(
        (get("status").await.as_deref(), get("attempts").await.as_deref()),
        (Some("pending"), Some("0"))
    );
    assert_eq!((get("worker").await, get("started_at").await, get("steps").await), (None, None, None));
    let lease = world.claim_one(&world.worker("one").await).await;
    assert_eq!(
        (get("status").await.as_deref(), get("attempts").await.as_deref()),
        (Some("running"), Some("1"))
    );
    assert_eq!(get("worker").await.as_deref(), Some("one"));
    assert!(get("started_at").await.is_some());
    assert_eq!((get("final_train_loss").await, get("finished_at").await), (None, None));
    world.complete(&lease, result(0.1 + 0.2), 0).await.unwrap();
    assert_eq!(get("status").await.as_deref(), Some("succeeded"));
    assert_eq!(get("final_train_loss").await.as_deref(), Some("0.30000000000000004"), "every digit");
    assert_eq!(get("parameter_bytes").await.as_deref(), Some("88"));
    assert_eq!(get("optimizer_state_bytes").await.as_deref(), Some("0"));
    assert_eq!(get("accumulation").await.as_deref(), Some("none"));
    let finished = get("finished_at").await.unwrap();
    assert!(chrono::DateTime::parse_from_rfc3339(&finished).is_ok(), "{finished}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn every_view_has_its_columns_and_kinds_also_without_rows(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    for (view, name) in [
        (v1::View::Result, "result"),
        (v1::View::Trial, "trial"),
        (v1::View::Metric, "metric"),
        (v1::View::Split, "split"),
        (v1::View::Attempt, "attempt"),
        (v1::View::Log, "log"),
        (v1::View::Worker, "worker"),
        (v1::View::BestLearningRate, "best_learning_rate"),
    ] {
        let table = world.rows(view, &sweep, "").await;
        let catalog: Vec<(String, String)> = sqlx::query_as(
            "select column_name::text, data_type::text from information_schema.columns
             where table_schema = 'batchsweep' and table_name = $1 order by ordinal_position",
        )
        .bind(name)
        .fetch_all(&world.store.requests)
        .await
        .unwrap();
        let expected: Vec<_> = catalog
            .into_iter()
            .map(|(name, data_type)| {
                let kind = match data_type.as_str() {
                    "bigint" => ColumnKind::Integer,
                    "double precision" => ColumnKind::Number,
                    "boolean" => ColumnKind::Boolean,
                    _ => ColumnKind::Text,
                };
                (name, kind)
            })
            .collect();
        let found: Vec<_> = table.columns.iter().map(|column| (column.name.clone(), column.kind())).collect();
        assert_eq!(found, expected, "{name}");
        assert!(table.rows.iter().all(|row| row.cells.len() == expected.len()), "{name}");
    }
    assert_eq!(View::ALL.len(), 8);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_best_learning_rate_is_the_lowest_median_over_seeds(pool: PgPool) {
    let world = World::new(&pool);
    let draft = draft(&[8, 32], &[0.01, 0.1, 1.0], &[0, 1, 2]);
    let sweep = world.submit(proto::to_wire::sweep(&draft)).await;
    let worker = world.worker("one").await;
    for trial in world.claim(&worker, 18).await {
        let settings = trial.spec.unwrap().settings.unwrap();
        let mut outcome = v1::Outcome::Succeeded;
        let loss = match (settings.batch_size, settings.learning_rate, settings.seed) {
            (8, 0.01, _) => 0.5,
            // Two lucky seeds out of three win the median; one would win the minimum.
            (8, 0.1, 2) => 0.9,
            (8, 0.1, _) => 0.4,
            (8, 1.0, 0) => 0.1,
            (8, 1.0, _) => {
                outcome = v1::Outcome::Diverged;
                f64::NAN
            }
            (_, learning_rate, seed) => 0.7 - learning_rate / 10.0 + seed as f64 / 1000.0,
        };
        let result = v1::TrialResult { outcome: outcome.into(), ..result(loss) };
        world.complete(&trial.lease.unwrap(), result, 0).await.unwrap();
    }
    let table = world.rows(v1::View::BestLearningRate, &sweep, "").await;
    let texts = |name| column(&table, name).into_iter().map(Option::unwrap).collect::<Vec<_>>();
    assert_eq!(texts("batch_size"), ["8", "32"]);
    assert_eq!(texts("learning_rate"), ["0.1", "1"]);
    assert_eq!(texts("metric"), ["train_set_loss", "train_set_loss"]);
    assert_eq!(texts("value")[0], "0.4");
    assert_eq!(texts("trials"), ["3", "3"]);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn ten_thousand_results_are_listed_in_well_under_a_second(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(10_000)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    world.report(&lease, 1, points(1, 3)).await.unwrap();
    world.complete(&lease, result(0.5), 3).await.unwrap();
    // All others as the first, straight into the tables: this test is about reading.
    world
        .sql(
            "with others as (
                 update core.trial_state set status = 'succeeded', attempt = 1, accepted_attempt = 1, ended_at = now()
                 where status = 'pending' returning trial_id
             ), attempts as (
                 insert into core.attempt (trial_id, attempt, token, worker_id, instance_id, finished_at, outcome)
                 select others.trial_id, 1, a.token, a.worker_id, a.instance_id, now(), 'succeeded'
                 from others, core.attempt a returning trial_id
             )
             select 1",
        )
        .await;
    world
        .sql(
            "insert into core.result
             select (jsonb_populate_record(r, jsonb_build_object('trial_id', s.trial_id))).*
             from core.trial_state s, core.result r where s.trial_id <> r.trial_id",
        )
        .await;
    world.sql("analyze").await;
    let started = Instant::now();
    let table = world.rows(v1::View::Result, &sweep, "").await;
    let elapsed = started.elapsed();
    assert_eq!(table.rows.len(), 10_000);
    eprintln!("10,000 result rows in {elapsed:?}");
    // Generous, for a loaded machine; an unindexed plan takes many times longer.
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
}
