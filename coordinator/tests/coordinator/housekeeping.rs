//! Sweeps are renamed, tagged and removed.

use proto::Reason;
use proto::v1::sweep_service_server::SweepService;
use proto::v1::worker_service_server::WorkerService;
use proto::v1::{self, StaleCheckpoints, View};
use sqlx::PgPool;
use tonic::{Request, Status};

use crate::checkpoints::checkpoint;
use crate::world::{World, points, reason, result, spec};

async fn remove(
    world: &World,
    sweeps: &[&str],
    validate_only: bool,
) -> Result<v1::RemoveSweepsResponse, Status> {
    let sweeps = sweeps.iter().map(|&sweep| sweep.to_owned()).collect();
    let request = v1::RemoveSweepsRequest { sweeps, validate_only };
    Ok(world.sweeps.remove_sweeps(Request::new(request)).await?.into_inner())
}

async fn tag(world: &World, sweep: &str, add: &[&str], remove: &[&str]) -> Result<Vec<String>, Status> {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let request = v1::TagSweepRequest { sweep: sweep.to_owned(), add: owned(add), remove: owned(remove) };
    Ok(world.sweeps.tag_sweep(Request::new(request)).await?.into_inner().sweep.unwrap().tags)
}

async fn rename(world: &World, sweep: &str, name: &str) -> Result<v1::Sweep, Status> {
    let request = v1::RenameSweepRequest { sweep: sweep.to_owned(), name: name.to_owned() };
    Ok(world.sweeps.rename_sweep(Request::new(request)).await?.into_inner().sweep.unwrap())
}

/// Rows of all that a sweep may have.
async fn rows(world: &World) -> i64 {
    world
        .number(
            "select (select count(*) from core.sweep) + (select count(*) from core.trial)
                 + (select count(*) from core.trial_state) + (select count(*) from core.attempt)
                 + (select count(*) from core.lease) + (select count(*) from core.metric)
                 + (select count(*) from core.split) + (select count(*) from core.log)
                 + (select count(*) from core.result) + (select count(*) from core.checkpoint)
                 + (select count(*) from core.lineage) + (select count(*) from core.sweep_breaker)
                 + (select count(*) from core.sweep_upload)",
        )
        .await
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_removed_sweep_leaves_nothing_and_others_stay(pool: PgPool) {
    let world = World::new(&pool);
    let kept = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    world.report(&lease, 1, points(1, 4)).await.unwrap();
    world.complete(&lease, result(0.5), 4).await.unwrap();
    let before = rows(&world).await;

    let gone = world.submit(spec(2)).await;
    let first = world.claim_one(&worker).await;
    world.report(&first, 1, points(1, 4)).await.unwrap();
    world.complete(&first, result(0.5), 4).await.unwrap();
    let second = world.claim_one(&worker).await;
    world.report(&second, 1, points(1, 4)).await.unwrap();
    world.save(&second, checkpoint(4, 4)).await.unwrap();

    let refused = remove(&world, &[&kept, &gone], false).await;
    assert_eq!(reason(refused), Reason::WrongState, "one of them runs, so none is removed");
    world.cancel(&gone, false).await;
    world.release(&second).await.unwrap();
    let would = remove(&world, &[&gone, &gone], true).await.unwrap();
    assert_eq!(would.sweeps.len(), 1);
    assert_eq!(would.sweeps[0].counts.unwrap().succeeded, 1);
    assert!(rows(&world).await > before);

    let removed = remove(&world, &[&gone], false).await.unwrap();
    assert_eq!(removed.sweeps, would.sweeps);
    assert_eq!(rows(&world).await, before);
    assert_eq!(world.rows(View::Result, &kept, "").await.rows.len(), 1);
    world.check_invariants().await;
    // What is left of its checkpoints goes with the next heartbeats.
    let request = v1::HeartbeatRequest {
        worker_id: worker.worker_id.clone(),
        instance_id: worker.instance_id.clone(),
        leases: Vec::new(),
        removed: Vec::new(),
    };
    let asked = world.workers.heartbeat(Request::new(request)).await.unwrap().into_inner().remove;
    assert_eq!(asked, [StaleCheckpoints { trial_id: second.trial_id, attempt: second.attempt }]);
    assert_eq!(reason(remove(&world, &[&gone], false).await), Reason::NotFound);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn what_a_late_worker_brings_for_a_removed_trial_is_refused(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    world.cancel(&sweep, false).await;
    world.expire_all().await;
    remove(&world, &[&sweep], false).await.unwrap();
    assert_eq!(reason(world.report(&lease, 1, points(1, 4)).await), Reason::LeaseLost);
    assert_eq!(reason(world.complete(&lease, result(0.5), 0).await), Reason::LeaseLost);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_sweep_is_found_by_its_new_name(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let renamed = rename(&world, &sweep, "baseline").await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.spec.unwrap().name.as_str()), ("baseline", "baseline"));
    assert_eq!(world.sweep("baseline").await.sweep_id, sweep);
    for bad in ["", "With Spaces", "@last", &"x".repeat(64)] {
        assert_eq!(reason(rename(&world, &sweep, bad).await), Reason::InvalidRequest);
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn tags_are_a_set_of_few_words(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    assert_eq!(tag(&world, &sweep, &["paper", "mlp"], &[]).await.unwrap(), ["mlp", "paper"]);
    assert_eq!(
        tag(&world, &sweep, &["paper", "final"], &["mlp", "other"]).await.unwrap(),
        ["final", "paper"]
    );
    let words: Vec<String> = (0..31).map(|number| format!("tag-{number}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(reason(tag(&world, &sweep, &words, &[]).await), Reason::InvalidRequest);
    assert_eq!(tag(&world, &sweep, &[], &[]).await.unwrap(), ["final", "paper"]);
    assert_eq!(reason(tag(&world, &sweep, &["Bad Word"], &[]).await), Reason::InvalidRequest);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn removing_many_rows_gives_their_space_back(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    world.cancel(&sweep, false).await;
    world
        .sql(
            "insert into core.metric (trial_id, seq, step, examples, seconds, value, attempt, metric_name)
             select trial_id, seq, seq, seq, seq, 0.5, 1, 1
             from core.trial, generate_series(1, 200000) seq",
        )
        .await;
    let freed = remove(&world, &[&sweep], false).await.unwrap().freed_bytes;
    assert!(freed > 8 << 20, "{freed}");
    let left = world.number("select pg_total_relation_size('core.metric')").await;
    assert!(left < 1 << 20, "{left}");
}
