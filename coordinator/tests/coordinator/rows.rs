use std::time::{Duration, Instant};

use domain::table::View;
use proto::v1::sweep_service_server::SweepService;
use proto::v1::{self, ColumnKind};
use proto::{Reason, Wire};
use sqlx::PgPool;
use tonic::Request;

use crate::world::{World, cell, column, draft, point, points, reason, result, spec};

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
                    "timestamp with time zone" => ColumnKind::Timestamp,
                    _ => ColumnKind::Text,
                };
                (name, kind)
            })
            .collect();
        let found: Vec<_> = table.columns.iter().map(|column| (column.name.clone(), column.kind())).collect();
        assert_eq!(found, expected, "{name}");
        assert!(table.rows.iter().all(|row| row.cells.len() == expected.len()), "{name}");
    }
    assert_eq!(View::ALL.len(), 9);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_best_learning_rate_is_the_lowest_median_over_seeds(pool: PgPool) {
    let world = World::new(&pool);
    let draft = draft(&[8, 32], &[0.01, 0.1, 1.0], &[0, 1, 2]);
    let sweep = world.submit(draft.to_wire()).await;
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
        let result = v1::TrialResult { outcome: outcome.into(), train_set_loss: Some(loss), ..result(loss) };
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

/// All rows of a view, page by page, each page's column `name`.
async fn pages(world: &World, request: &v1::ListRowsRequest, name: &str) -> Vec<Vec<String>> {
    let (mut pages, mut request) = (Vec::new(), request.clone());
    loop {
        let answer = world.sweeps.list_rows(Request::new(request.clone())).await.unwrap().into_inner();
        pages.push(column(&answer.table.unwrap(), name).into_iter().map(Option::unwrap).collect());
        if answer.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = answer.next_page_token;
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn pages_hold_every_row_once_in_order(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(250)).await;
    let worker = world.worker("one").await;
    for lease in [world.claim_one(&worker).await, world.claim_one(&worker).await] {
        let mut records = points(1, 180);
        // A second curve, so that a page of 100 would cut through a step.
        for step in 1..=180 {
            let mut record = point(step, 0.1);
            if let Some(v1::record::Kind::Metric(metric)) = &mut record.kind {
                metric.name = v1::MetricName::GradientNorm.into();
            }
            records.push(record);
        }
        records.insert(0, records[0].clone());
        world.report(&lease, 1, records).await.unwrap();
        world.complete(&lease, result(0.5), 361).await.unwrap();
    }
    for view in [v1::View::Result, v1::View::Trial] {
        let request = v1::ListRowsRequest {
            view: view.into(),
            sweep: sweep.clone(),
            page_size: 100,
            ..v1::ListRowsRequest::default()
        };
        let pages = pages(&world, &request, "trial_index").await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(pages.concat(), (0..250).map(|index: u64| index.to_string()).collect::<Vec<_>>());
    }
    let request = v1::ListRowsRequest {
        view: v1::View::Metric.into(),
        sweep: sweep.clone(),
        page_size: 100,
        ..v1::ListRowsRequest::default()
    };
    let whole = world.rows(v1::View::Metric, &sweep, "").await;
    let steps = pages(&world, &request, "step").await;
    assert!(steps.len() > 7 && steps.iter().all(|page| !page.is_empty() && page.len() <= 100));
    assert_eq!(steps.concat(), column(&whole, "step").into_iter().map(Option::unwrap).collect::<Vec<_>>());
    // Each step's rows stand in one page.
    for pair in steps.windows(2) {
        assert_ne!(pair[0].last(), pair[1].first());
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn rows_are_narrowed_where_they_are_stored(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(3)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    let mut records = points(1, 3);
    if let Some(v1::record::Kind::Metric(metric)) = &mut records[2].kind {
        metric.name = v1::MetricName::TrainSetLoss.into();
    }
    world.report(&lease, 1, records).await.unwrap();
    world.complete(&lease, result(0.5), 3).await.unwrap();
    let ask = |view: v1::View, status: &str, name: &str, page_size: u32, page_token: &str| {
        let request = v1::ListRowsRequest {
            view: view.into(),
            sweep: sweep.clone(),
            status: status.to_owned(),
            name: name.to_owned(),
            page_size,
            page_token: page_token.to_owned(),
            ..v1::ListRowsRequest::default()
        };
        world.sweeps.list_rows(Request::new(request))
    };
    let count = async |view, status, name| {
        ask(view, status, name, 0, "").await.unwrap().into_inner().table.unwrap().rows.len()
    };
    assert_eq!(count(v1::View::Trial, "pending", "").await, 2);
    assert_eq!(count(v1::View::Result, "succeeded", "").await, 1);
    assert_eq!(count(v1::View::Metric, "", "train_loss").await, 2);
    assert_eq!(count(v1::View::Metric, "", "validation_loss").await, 0);
    for (view, status, name, page_size, page_token) in [
        (v1::View::Trial, "done", "", 0, ""),
        (v1::View::Metric, "failed", "", 0, ""),
        (v1::View::Trial, "", "train_loss", 0, ""),
        (v1::View::Log, "", "", 10, ""),
        (v1::View::Trial, "", "", 10, "third"),
        (v1::View::Trial, "", "", 0, "3f2f8d0e-0000-7000-8000-000000000000/0"),
    ] {
        let refused = ask(view, status, name, page_size, page_token).await;
        assert_eq!(reason(refused), Reason::InvalidRequest, "{view:?} {status} {name} {page_token}");
    }
}
