//! The SQL beside each figure of a report gives the numbers that the figure shows.

use domain::spec::{SweepDraft, Target, TargetMetric, TrainKey, TrainSpec, Value};
use proto::table::from_wire as table;
use proto::v1::sweep_service_server::SweepService;
use proto::{Wire, v1};
use report::Table;
use report::gather::Gathering;
use report::page::{Report, SweepFacts};
use sqlx::PgPool;
use tonic::Request;

use crate::world::{World, draft, point, result};

async fn query(world: &World, sql: &str) -> Table {
    let answer = world.sweeps.query(Request::new(v1::QueryRequest { sql: sql.to_owned() })).await;
    let answer = answer.unwrap_or_else(|status| panic!("{}\n{sql}", status.message())).into_inner();
    assert!(!answer.truncated);
    table(answer.table.unwrap())
}

/// The report as the command makes it.
async fn report_on(world: &World, sweep: &str, train: TrainSpec) -> Report {
    let results = table(world.rows(v1::View::Result, sweep, "").await);
    let workers = table(world.rows(v1::View::Worker, sweep, "").await);
    let facts = SweepFacts { sweep_id: sweep.to_owned(), ..SweepFacts::default() };
    let gathered = Gathering::new(results, Some(train)).analyze(&Table::default());
    let report = Report::new(facts, gathered, workers);
    let mut curves = Vec::new();
    for sql in report.curve_queries() {
        curves.push(query(world, &sql).await);
    }
    report.with_curves(curves)
}

/// Every figure's table against the rows of its own statement: the same columns, the same numbers.
async fn assert_sql_gives_the_numbers(world: &World, report: &Report) -> Vec<String> {
    let mut ids = Vec::new();
    for figure in report.sections().into_iter().flat_map(|section| section.figures) {
        let found = query(world, &figure.sql).await;
        let names =
            |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found), names(&figure.table), "{}", figure.id);
        assert_eq!(found.rows.len(), figure.table.rows.len(), "{}", figure.id);
        assert!(!found.rows.is_empty(), "{}", figure.id);
        for (index, (sql, shown)) in found.rows.iter().zip(&figure.table.rows).enumerate() {
            for (column, (sql, shown)) in found.columns.iter().zip(sql.iter().zip(shown)) {
                let same = match (sql, shown) {
                    (Some(sql), Some(shown)) => sql == shown || is_same_number(sql, shown),
                    (sql, shown) => sql == shown,
                };
                assert!(same, "{}, row {index}, {}: {sql:?} is shown as {shown:?}", figure.id, column.name);
            }
        }
        ids.push(figure.id);
    }
    ids
}

/// Up to the last digits, in which a mean of two depends on the order of adding.
fn is_same_number(left: &str, right: &str) -> bool {
    let (Ok(left), Ok(right)) = (left.parse::<f64>(), right.parse::<f64>()) else { return false };
    (left - right).abs() <= 1e-12 * left.abs().max(right.abs())
}

/// What a trial of these settings comes to: a valley in the learning rate, a target that the small batches meet.
fn outcome(settings: &v1::TrialSettings) -> v1::TrialResult {
    let size = settings.batch_size as f64;
    let octaves = (settings.learning_rate / (0.01 * size)).log2();
    let loss = 0.3 + 0.03 * octaves.powi(2) + 0.003 * settings.seed as f64;
    let steps = (4000.0 / size).ceil();
    let to_target = (20.0 + 400.0 / size + 3.0 * octaves.abs() + settings.seed as f64).round();
    let met = to_target < steps && settings.learning_rate > 0.02;
    let step_seconds = 1e-3 + size / 1e5 + 1e-5 * settings.seed as f64;
    let part = |bytes: f64| bytes as u64;
    let memory = v1::Memory {
        parameter_bytes: 88,
        gradient_bytes: 88,
        batch_bytes: part(48.0 * size.min(64.0)),
        activation_bytes: part(100.0 * size.min(64.0) + settings.seed as f64),
        ..v1::Memory::default()
    };
    let peak = 176 + memory.batch_bytes + memory.activation_bytes;
    let outcome = match settings.learning_rate {
        rate if rate > 0.9 * size => v1::Outcome::Infeasible,
        rate if rate > 0.09 * size => v1::Outcome::Diverged,
        _ => v1::Outcome::Succeeded,
    };
    let is_scored = outcome == v1::Outcome::Succeeded;
    let base = result(loss);
    if outcome == v1::Outcome::Infeasible {
        let none = v1::Memory { peak_memory_bytes: 0, peak_reserved_bytes: 0, ..memory };
        let unsplit =
            v1::TrialResult { micro_batch: 0, accumulation_steps: 0, steps: 0, examples: 0, ..base };
        return v1::TrialResult {
            outcome: outcome.into(),
            memory: Some(none),
            train_set_loss: None,
            epochs: 0.0,
            train_seconds: 0.0,
            ..unsplit
        };
    }
    v1::TrialResult {
        outcome: outcome.into(),
        micro_batch: settings.batch_size.min(64),
        accumulation_steps: settings.batch_size.div_ceil(64),
        steps: steps as u64,
        examples: 4000,
        epochs: 4.0,
        train_set_loss: Some(loss).filter(|_| is_scored),
        steps_to_target: Some(to_target as u64).filter(|_| met && is_scored),
        examples_to_target: Some((to_target * size) as u64).filter(|_| met && is_scored),
        seconds_to_target: Some(to_target * step_seconds).filter(|_| met && is_scored),
        train_seconds: steps * step_seconds,
        examples_per_second: Some(size / step_seconds),
        memory: Some(v1::Memory { peak_memory_bytes: peak, peak_reserved_bytes: peak, ..memory }),
        ..base
    }
}

/// Trains so many of the trials that wait: curves of step losses and a few evaluations, then the outcome.
async fn train(world: &World, count: u32) {
    let worker = world.worker("one").await;
    for trial in world.claim(&worker, count).await {
        let (lease, settings) = (trial.lease.unwrap(), trial.spec.unwrap().settings.unwrap());
        let mut records: Vec<v1::Record> = (1..=200)
            .map(|step| point(step, 0.5 + (step as f64 * 1.7).sin() / 10.0 + settings.seed as f64 / 100.0))
            .collect();
        for step in [0, 50, 100, 200] {
            let mut evaluation = point(step, 0.6);
            if let Some(v1::record::Kind::Metric(metric)) = &mut evaluation.kind {
                metric.name = v1::MetricName::TrainSetLoss.into();
            }
            records.push(evaluation);
        }
        let last = records.len() as u64;
        world.report(&lease, 1, records).await.unwrap();
        world.complete(&lease, outcome(&settings), last).await.unwrap();
    }
}

fn with_target(below: f64) -> TrainSpec {
    let target = Some(Target { metric: TargetMetric::TrainSetLoss, below });
    TrainSpec { target, ..draft(&[1], &[0.1], &[0]).train }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_sql_of_every_figure_gives_its_numbers(pool: PgPool) {
    let world = World::new(&pool);
    let settings = with_target(0.5);
    let grid = draft(&[2, 8, 32, 128, 512], &[0.01, 0.1, 0.3, 1.0, 3.0], &[0, 1, 2, 3]);
    let sweep = world.submit(SweepDraft { train: settings.clone(), ..grid }.to_wire()).await;
    // Of 100; the last cell waits, and the one before it has three seeds of four.
    train(&world, 95).await;
    let report = report_on(&world, &sweep, settings.clone()).await;
    let ids = assert_sql_gives_the_numbers(&world, &report).await;
    // Had they ended at their target, the steps to it would be the score.
    let stopped = report_on(&world, &sweep, TrainSpec { stop_at_target: true, ..settings }).await;
    assert_eq!(assert_sql_gives_the_numbers(&world, &stopped).await, ids);
    assert_eq!(
        ids,
        [
            "heatmap",
            "loss-by-rate",
            "best-rate",
            "curves",
            "evaluated-curves",
            "steps-to-target",
            "time-against-examples",
            "memory",
            "throughput"
        ]
    );
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_sql_of_a_section_keeps_to_its_own_trials(pool: PgPool) {
    let world = World::new(&pool);
    let settings = with_target(0.5);
    let mut two = draft(&[8, 32], &[0.01, 0.1], &[0, 1]);
    let word = |word: &str| Value::Word(word.to_owned());
    two.grid.train = vec![
        domain::spec::TrainAxis { key: TrainKey::Optimizer, values: vec![word("sgd"), word("adam")] },
        domain::spec::TrainAxis {
            key: TrainKey::WeightDecay,
            values: vec![Value::Number(0.0), Value::Number(1e-4)],
        },
    ];
    let sweep = world.submit(SweepDraft { train: settings.clone(), ..two }.to_wire()).await;
    // Another sweep of the same settings, which must not show.
    world.submit(draft(&[8, 32], &[0.01, 0.1], &[0, 1]).to_wire()).await;
    train(&world, 32).await;
    let report = report_on(&world, &sweep, settings).await;
    let ids = assert_sql_gives_the_numbers(&world, &report).await;
    assert!(ids.contains(&"heatmap-4".to_owned()), "{ids:?}");
}
