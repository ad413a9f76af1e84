//! What is stored is found again under its own name: every number here is another one, so that no two columns can be mixed up.

use domain::lifecycle::Outcome;
use domain::memory::{MemoryParts, StaticParts};
use domain::problem::TaskKind;
use domain::run::{
    Accumulation, Checkpoint, LogLevel, LogLine, MetricName, MetricPoint, PeakMemory, Place, ReachedTarget,
    Record, SeedSets, Split, SplitKind, TrialResult,
};
use domain::units::Attempt;
use proto::{Wire, v1};
use sqlx::{PgPool, Row};

use crate::world::{World, cell, spec};

fn result() -> TrialResult {
    TrialResult {
        outcome: Outcome::Diverged,
        message: "why".to_owned(),
        micro_batch: 101,
        accumulation_steps: 102,
        accumulation: Accumulation::Approximate,
        device: "where".to_owned(),
        steps: 103,
        examples: 104,
        epochs: 105.5,
        first_train_loss: Some(106.5),
        final_train_loss: Some(107.5),
        train_set_loss: Some(108.5),
        last_epoch_train_loss: Some(109.5),
        train_loss_std: Some(110.5),
        final_validation_loss: Some(111.5),
        final_validation_accuracy: Some(0.1125),
        best_validation_loss: Some(113.5),
        best_validation_accuracy: Some(0.1145),
        reached_target: Some(ReachedTarget { steps: 95, examples: 96, seconds: 117.5 }),
        train_seconds: 118.5,
        examples_per_second: Some(119.5),
        memory: PeakMemory {
            parts: MemoryParts {
                fixed: StaticParts { parameter_bytes: 120, gradient_bytes: 121, optimizer_state_bytes: 122 },
                batch_bytes: 123,
                activation_bytes: 124,
                resident_data_bytes: 125,
            },
            peak_bytes: 735,
            peak_reserved_bytes: 127,
            predicted_peak_bytes: 128,
            budget_bytes: Some(129),
        },
        oom_count: 130,
        gradient_noise_scale: Some(131.5),
        task: Some(TaskKind::MultiLabel),
        tokens: Some(237),
        metrics: vec![("top_5".parse().unwrap(), 132.5), (MetricName::ValidationPerplexity, 133.5)],
        seed_sets: Some(SeedSets { data: true, weights: false, order: true }),
    }
}

/// The columns of view `result` that a result fills.
const RESULT: [(&str, &str); 40] = [
    ("status", "diverged"),
    ("error", "why"),
    ("micro_batch", "101"),
    ("accumulation_steps", "102"),
    ("accumulation", "approximate"),
    ("device", "where"),
    ("steps", "103"),
    ("examples", "104"),
    ("epochs", "105.5"),
    ("first_train_loss", "106.5"),
    ("final_train_loss", "107.5"),
    ("train_set_loss", "108.5"),
    ("last_epoch_train_loss", "109.5"),
    ("train_loss_std", "110.5"),
    ("final_validation_loss", "111.5"),
    ("final_validation_accuracy", "0.1125"),
    ("best_validation_loss", "113.5"),
    ("best_validation_accuracy", "0.1145"),
    ("steps_to_target", "95"),
    ("examples_to_target", "96"),
    ("seconds_to_target", "117.5"),
    ("train_seconds", "118.5"),
    ("examples_per_second", "119.5"),
    ("parameter_bytes", "120"),
    ("gradient_bytes", "121"),
    ("optimizer_state_bytes", "122"),
    ("batch_bytes", "123"),
    ("activation_bytes", "124"),
    ("resident_data_bytes", "125"),
    ("peak_memory_bytes", "735"),
    ("peak_reserved_bytes", "127"),
    ("predicted_peak_memory_bytes", "128"),
    ("memory_budget_bytes", "129"),
    ("oom_count", "130"),
    ("gradient_noise_scale", "131.5"),
    ("seed_sets", "data, order"),
    ("task", "multi_label"),
    ("tokens", "237"),
    ("tokens_per_second", "2"),
    ("metrics", r#"{"top_5": 132.5, "validation_perplexity": 133.5}"#),
];

fn records() -> [Record; 3] {
    let place = Place { step: 201, examples: 202, seconds: 203.5 };
    [
        Record::Metric(MetricPoint { name: MetricName::GradientNorm, place, value: 204.5 }),
        Record::Split(Split {
            kind: SplitKind::Realized,
            from_step: 205,
            micro_batch: 206,
            accumulation_steps: 207,
            reason: "because".to_owned(),
            predicted_peak_bytes: 208,
        }),
        Record::Log(LogLine { level: LogLevel::Warning, text: "careful".to_owned() }),
    ]
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn every_number_is_read_back_by_its_name(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    let records: Vec<v1::Record> = records().iter().map(Wire::to_wire).collect();
    assert_eq!(world.report(&lease, 1, records).await.unwrap(), 3);
    let checkpoint = Checkpoint {
        attempt: Attempt::FIRST,
        step: 301,
        examples: 302,
        last_seq: 3,
        path: "a/file".to_owned(),
        sha256: "0f".repeat(32).parse().unwrap(),
        bytes: 303,
    };
    world.save(&lease, checkpoint.to_wire()).await.unwrap();
    // No view shows it.
    let saved = sqlx::query("select * from core.checkpoint").fetch_one(&world.store.requests).await.unwrap();
    let number = |name| saved.get::<i64, _>(name);
    let numbers = ["step", "furthest_step", "examples", "last_seq", "bytes"].map(number);
    assert_eq!((saved.get::<i32, _>("attempt"), numbers), (1, [301, 301, 302, 3, 303]));
    let texts = ["path", "sha256"].map(|name| saved.get::<String, _>(name));
    assert_eq!(texts, ["a/file".to_owned(), "0f".repeat(32)]);
    world.complete(&lease, result().to_wire(), 3).await.unwrap();

    let metric = [
        ("name", "gradient_norm"),
        ("step", "201"),
        ("examples", "202"),
        ("seconds", "203.5"),
        ("value", "204.5"),
    ];
    let split = [
        ("kind", "realized"),
        ("from_step", "205"),
        ("micro_batch", "206"),
        ("accumulation_steps", "207"),
        ("reason", "because"),
        ("predicted_peak_bytes", "208"),
    ];
    let log = [("seq", "3"), ("level", "warning"), ("text", "careful")];
    let views = [
        (v1::View::Result, &RESULT[..]),
        (v1::View::Metric, &metric),
        (v1::View::Split, &split),
        (v1::View::Log, &log),
    ];
    for (view, columns) in views {
        let table = world.rows(view, &sweep, "").await;
        for &(name, value) in columns {
            assert_eq!(cell(&table, name).as_deref(), Some(value), "{name} of {view:?}");
        }
    }
}
