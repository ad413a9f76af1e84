//! Every statement of docs/SQL.md runs as the reader, and gives what it says.

use std::collections::BTreeMap;

use domain::spec::{SweepDraft, Target, TargetMetric, TrainSpec};
use proto::v1::sweep_service_server::SweepService;
use proto::{Wire, v1};
use sqlx::PgPool;
use tonic::Request;

use crate::world::{World, draft, point, result};

const PAGE: &str = include_str!("../../../docs/SQL.md");

type Rows = Vec<BTreeMap<String, Option<f64>>>;

/// The statements by the number of their question.
fn statements() -> BTreeMap<u32, &'static str> {
    let questions = PAGE.split("\n## ").filter_map(|question| {
        let number = question.split('.').next().unwrap().parse().ok()?;
        let sql = question.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
        Some((number, sql))
    });
    questions.collect()
}

/// The rows of an answer, its numbers as such; a text is its length, which tells that it is there.
async fn answer(world: &World, number: u32) -> Rows {
    let sql = statements()[&number].to_owned();
    let request = Request::new(v1::QueryRequest { sql: sql.clone() });
    let answer = world.sweeps.query(request).await;
    let answer = answer.unwrap_or_else(|status| panic!("{number}: {}\n{sql}", status.message())).into_inner();
    assert!(!answer.truncated, "{number}");
    let table = answer.table.unwrap();
    let number = |text: String| text.parse().unwrap_or(text.len() as f64);
    let cells = |row: v1::Row| {
        let cells = table.columns.iter().zip(row.cells);
        cells.map(|(column, cell)| (column.name.clone(), cell.text.map(number))).collect()
    };
    table.rows.into_iter().map(cells).collect()
}

fn column(rows: &Rows, name: &str) -> Vec<Option<f64>> {
    rows.iter()
        .map(|row| row.get(name).unwrap_or_else(|| panic!("no column {name}: {row:?}")))
        .copied()
        .collect()
}

fn numbers(rows: &Rows, name: &str) -> Vec<f64> {
    column(rows, name).into_iter().map(Option::unwrap).collect()
}

/// A trial of a model whose best learning rate is 0.0125 for each example of the batch, of which 64 fit at a time;
/// of batches of 4096 not even one example does.
fn outcome(settings: &v1::TrialSettings, better: f64) -> v1::TrialResult {
    let (size, seed) = (settings.batch_size, settings.seed as f64);
    let octaves = (settings.learning_rate / (0.0125 * size as f64)).log2();
    if size == 4096 {
        return v1::TrialResult {
            outcome: v1::Outcome::Infeasible.into(),
            micro_batch: 0,
            accumulation_steps: 0,
            steps: 0,
            examples: 0,
            train_set_loss: None,
            train_seconds: 0.0,
            memory: Some(v1::Memory { memory_budget_bytes: Some(20_000), ..v1::Memory::default() }),
            ..result(f64::NAN)
        };
    }
    let diverged = octaves > 3.0;
    let loss = 0.5 - better + 0.03 * octaves.powi(2) + 0.001 * seed;
    let micro_batch = size.min(64);
    let (batch, activation) = (48 * micro_batch, 100 * micro_batch);
    let to_target = 20 + 400 / size + (3.0 * octaves.abs()) as u64 + settings.seed;
    let met = octaves.abs() < 4.0 && !diverged;
    let steps = (4096 / size).max(to_target);
    let outcome = if diverged { v1::Outcome::Diverged } else { v1::Outcome::Succeeded };
    v1::TrialResult {
        outcome: outcome.into(),
        train_set_loss: (!diverged).then_some(loss),
        micro_batch,
        accumulation_steps: size / micro_batch,
        accumulation: if size > 64 { v1::Accumulation::Exact } else { v1::Accumulation::None }.into(),
        steps,
        examples: steps * size,
        train_loss_std: Some(1.0 / (size as f64).sqrt()),
        steps_to_target: met.then_some(to_target),
        examples_to_target: met.then_some(to_target * size),
        seconds_to_target: met.then_some(to_target as f64 * 1e-3),
        train_seconds: steps as f64 * 1e-3,
        examples_per_second: Some(size as f64 * 1e3),
        gradient_noise_scale: Some(100.0 + seed),
        memory: Some(v1::Memory {
            parameter_bytes: 88,
            gradient_bytes: 88,
            batch_bytes: batch,
            activation_bytes: activation,
            peak_memory_bytes: 176 + batch + activation,
            peak_reserved_bytes: 176 + batch + activation,
            predicted_peak_memory_bytes: 176 + batch + activation,
            memory_budget_bytes: Some(20_000),
            ..v1::Memory::default()
        }),
        ..result(loss)
    }
}

fn split(kind: v1::SplitKind, result: &v1::TrialResult) -> v1::Record {
    let split = v1::Split {
        from_step: 1,
        micro_batch: result.micro_batch,
        accumulation_steps: result.accumulation_steps,
        kind: kind.into(),
        reason: "so it fits".to_owned(),
        predicted_peak_bytes: result.memory.map_or(0, |memory| memory.predicted_peak_memory_bytes),
    };
    v1::Record { kind: Some(v1::record::Kind::Split(split)) }
}

/// A sweep, trained to its end.
async fn trained(world: &World, name: &str, better: f64, batch_sizes: &[u64]) {
    let target = Some(Target { metric: TargetMetric::TrainSetLoss, below: 0.5 });
    let grid = draft(batch_sizes, &[0.01, 0.1, 1.0], &[0, 1, 2]);
    let train = TrainSpec { target, ..grid.train.clone() };
    let draft = SweepDraft { name: Some(name.to_owned()), train, ..grid };
    let sweep = world.submit(draft.to_wire()).await;
    let trials = world.counts(&sweep).await.pending;
    for trial in world.claim(&world.worker("one").await, trials as u32).await {
        let (lease, settings) = (trial.lease.unwrap(), trial.spec.unwrap().settings.unwrap());
        let outcome = outcome(&settings, better);
        let mut records = vec![split(v1::SplitKind::Planned, &outcome)];
        if outcome.steps > 0 {
            records.push(split(v1::SplitKind::Realized, &outcome));
            records.extend((1..=40).map(|step| point(step, 1.0 / step as f64)));
            let mut evaluation = point(40, 0.6);
            if let Some(v1::record::Kind::Metric(metric)) = &mut evaluation.kind {
                metric.name = v1::MetricName::TrainSetLoss.into();
            }
            records.push(evaluation);
        }
        let last = records.len() as u64;
        world.report(&lease, 1, records).await.unwrap();
        world.complete(&lease, outcome, last).await.unwrap();
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn every_statement_of_the_page_answers_its_question(pool: PgPool) {
    let world = World::new(&pool);
    trained(&world, "my-sweep", 0.0, &[8, 64, 512, 4096]).await;
    trained(&world, "other-sweep", 0.1, &[8, 64]).await;
    // Of no question's business.
    trained(&world, "third", 0.4, &[8]).await;
    assert_eq!(statements().len(), 10);

    let best = answer(&world, 1).await;
    assert_eq!(numbers(&best, "batch_size"), [8.0, 64.0, 512.0]);
    assert_eq!(numbers(&best, "learning_rate"), [0.1, 1.0, 1.0]);
    assert!((numbers(&best, "value")[0] - 0.501).abs() < 1e-12, "the middle one of three seeds");
    assert_eq!(numbers(&best, "trials"), [3.0; 3]);

    let noise = answer(&world, 2).await;
    // Without the cell that diverged.
    assert_eq!(numbers(&noise, "batch_size"), [8.0, 64.0, 512.0, 8.0, 64.0, 512.0, 64.0, 512.0]);
    assert_eq!(numbers(&noise, "seeds"), [3.0; 8]);
    let step_std = numbers(&noise, "step_std");
    assert!(step_std[0] > step_std[1] && step_std[1] > step_std[2], "{step_std:?}");
    assert!(numbers(&noise, "seed_std").iter().all(|std| (std - 0.001).abs() < 1e-9));

    let target = answer(&world, 3).await;
    assert_eq!(numbers(&target, "batch_size"), [8.0, 64.0, 512.0]);
    assert_eq!(numbers(&target, "learning_rate"), [0.1, 1.0, 1.0]);
    assert_eq!(numbers(&target, "steps"), [71.0, 27.0, 29.0]);
    assert_eq!(numbers(&target, "examples"), [568.0, 27.0 * 64.0, 29.0 * 512.0]);
    assert_eq!((numbers(&target, "seeds"), numbers(&target, "met")), (vec![3.0; 3], vec![3.0; 3]));

    let splits = answer(&world, 4).await;
    let sizes = numbers(&splits, "batch_size");
    // Batch size 8 has succeeded and diverged trials; nothing of 4096 ran.
    assert_eq!(sizes, [8.0, 8.0, 8.0, 8.0, 64.0, 64.0, 512.0, 512.0, 4096.0]);
    assert_eq!(numbers(&splits, "trials").iter().sum::<f64>(), 27.0 * 2.0 + 9.0);
    assert_eq!(column(&splits, "accumulation_steps")[6..], [Some(8.0), Some(8.0), None]);
    assert_eq!(column(&splits, "micro_batch")[6..], [Some(64.0), Some(64.0), None]);

    let throughput = answer(&world, 5).await;
    let speedup: BTreeMap<u64, f64> = numbers(&throughput, "batch_size")
        .into_iter()
        .map(|size| size as u64)
        .zip(numbers(&throughput, "speedup"))
        .collect();
    assert_eq!(speedup[&64] / speedup[&8], 8.0);
    assert_eq!(speedup[&512] / speedup[&64], 8.0);

    let memory = answer(&world, 6).await;
    for row in memory.iter().filter(|row| row["micro_batch"] == Some(64.0)) {
        let part = |name: &str| row[name].unwrap();
        let parts = part("parameter_and_gradient_bytes")
            + part("optimizer_state_bytes")
            + part("batch_bytes")
            + part("activation_bytes")
            + part("resident_data_bytes");
        assert_eq!(parts, part("peak_memory_bytes"));
        assert_eq!(part("prediction_error"), 0.0);
    }

    let stable = answer(&world, 7).await;
    assert_eq!(numbers(&stable, "largest_stable"), [0.1, 1.0, 1.0]);
    assert_eq!(column(&stable, "smallest_diverged"), [Some(1.0), None, None]);
    assert_eq!(numbers(&stable, "diverged_trials"), [3.0, 0.0, 0.0]);

    let scale = answer(&world, 8).await;
    assert_eq!(numbers(&scale, "gradient_noise_scale"), [101.0; 3]);
    assert_eq!(numbers(&scale, "batch_per_noise_scale"), [8.0 / 101.0, 64.0 / 101.0, 512.0 / 101.0]);

    let compared = answer(&world, 9).await;
    assert_eq!(numbers(&compared, "batch_size"), [8.0, 64.0, 512.0]);
    let difference = column(&compared, "difference");
    assert!((difference[0].unwrap() - 0.1).abs() < 1e-9 && (difference[1].unwrap() - 0.1).abs() < 1e-9);
    assert_eq!((difference[2], column(&compared, "other_value")[2]), (None, None));

    let curves = answer(&world, 10).await;
    assert_eq!(numbers(&curves, "step"), (1..=40).map(f64::from).collect::<Vec<_>>());
    assert_eq!(numbers(&curves, "train_loss")[3], 0.25);
    let last = curves.last().unwrap();
    let mean = (21..=40).map(|step| 1.0 / f64::from(step)).sum::<f64>() / 20.0;
    assert!((last["smoothed_train_loss"].unwrap() - mean).abs() < 1e-12);
    assert_eq!((last["train_set_loss"], curves[0]["train_set_loss"]), (Some(0.6), None));
}
