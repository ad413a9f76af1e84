use proto::v1::record::Kind;
use proto::{Reason, v1};
use sqlx::PgPool;

use crate::world::{World, cell, column, point, points, reason, result, spec};

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn overlapping_replays_store_each_record_once(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    assert_eq!(world.report(&lease, 1, points(1, 5)).await.unwrap(), 5);
    assert_eq!(world.report(&lease, 1, points(1, 5)).await.unwrap(), 5);
    assert_eq!(world.report(&lease, 3, points(3, 5)).await.unwrap(), 7);
    assert_eq!(world.report(&lease, 8, vec![]).await.unwrap(), 7);
    let steps = column(&world.rows(v1::View::Metric, &sweep, "0").await, "step");
    let expected: Vec<_> = (1..8).map(|step| Some(step.to_string())).collect();
    assert_eq!(steps, expected);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_gap_is_refused_and_named(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    world.report(&lease, 1, points(1, 2)).await.unwrap();
    let refused = world.report(&lease, 4, points(4, 1)).await;
    assert!(refused.as_ref().unwrap_err().message().contains("from 3 on"), "{refused:?}");
    assert_eq!(reason(refused), Reason::RecordsMissing);
    assert_eq!(reason(world.complete(&lease, result(0.5), 3).await), Reason::RecordsMissing);
    world.report(&lease, 3, points(3, 1)).await.unwrap();
    world.complete(&lease, result(0.5), 3).await.unwrap();
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn concurrent_replays_leave_no_gap_and_no_double(pool: PgPool) {
    let world = std::sync::Arc::new(World::new(&pool));
    world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    let tasks: Vec<_> = (0..6u64)
        .map(|task| {
            let (world, lease) = (world.clone(), lease.clone());
            tokio::spawn(async move {
                // Each sends all of it in batches of its own size, as far as the watermark lets it.
                let size = 3 + task;
                let mut next = 1;
                while next <= 60 {
                    let count = size.min(61 - next);
                    next =
                        world.report(&lease, next, points(next, count)).await.unwrap().min(next + count - 1)
                            + 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(world.number("select count(*) from core.metric").await, 60);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn splits_and_log_lines_count_with_the_points(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    let split = v1::Split {
        from_step: 1,
        micro_batch: 16,
        accumulation_steps: 2,
        kind: v1::SplitKind::Planned.into(),
        reason: "fits in 64 MiB".to_owned(),
        predicted_peak_bytes: 0,
    };
    let line = v1::LogLine { level: v1::LogLevel::Warning.into(), text: "a\0b".to_owned() };
    let records = vec![
        v1::Record { kind: Some(Kind::Split(split)) },
        point(1, f64::NAN),
        v1::Record { kind: Some(Kind::Log(line)) },
        point(2, 0.25),
    ];
    assert_eq!(world.report(&lease, 1, records).await.unwrap(), 4);
    let splits = world.rows(v1::View::Split, &sweep, "").await;
    assert_eq!(cell(&splits, "kind").as_deref(), Some("planned"));
    assert_eq!(cell(&splits, "predicted_peak_bytes"), None, "0 means that nothing was predicted");
    let log = world.rows(v1::View::Log, &sweep, "").await;
    assert_eq!((cell(&log, "level").as_deref(), cell(&log, "seq").as_deref()), (Some("warning"), Some("3")));
    assert_eq!(cell(&log, "text").as_deref(), Some("a\u{fffd}b"));
    let metrics = world.rows(v1::View::Metric, &sweep, "").await;
    assert_eq!(column(&metrics, "value"), [None, Some("0.25".to_owned())], "NaN shows as NULL");
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_record_that_says_nothing_is_refused_with_all_of_its_batch(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    let nothing = vec![point(1, 0.5), v1::Record { kind: None }];
    assert_eq!(reason(world.report(&lease, 1, nothing).await), Reason::InvalidRequest);
    let mut early = point(2, 0.5);
    let Some(Kind::Metric(wrong)) = &mut early.kind else { unreachable!("it is a point") };
    wrong.seconds = -1.0;
    assert_eq!(reason(world.report(&lease, 1, vec![point(1, 0.5), early]).await), Reason::InvalidRequest);
    assert_eq!(reason(world.report(&lease, 0, points(1, 1)).await), Reason::InvalidRequest);
    let many = points(1, proto::MAX_RECORDS as u64 + 1);
    assert_eq!(reason(world.report(&lease, 1, many).await), Reason::LimitExceeded);
    assert_eq!(world.number("select count(*) from core.metric").await, 0);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn each_curve_has_its_word(pool: PgPool) {
    let world = World::new(&pool);
    let stored: Vec<(i16, String)> =
        sqlx::query_as("select metric_name, name from core.metric_name order by 1")
            .fetch_all(&world.store.requests)
            .await
            .unwrap();
    let wire: Vec<(i16, String)> = (1..100)
        .map_while(|number| v1::MetricName::try_from(number).ok())
        .map(|name| {
            let word = name.as_str_name().trim_start_matches("METRIC_NAME_").to_lowercase();
            (i16::try_from(i32::from(name)).unwrap(), word)
        })
        .collect();
    assert_eq!(stored, wire);
}
