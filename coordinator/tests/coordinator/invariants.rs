//! The view of broken invariants sees each way to break one.

use sqlx::PgPool;

use crate::checkpoints::{checkpoint, resumed};
use crate::world::{World, points, result, spec};

/// A statement that breaks a rule, and a part of the rule's words. Where the tables themselves keep it, that is taken off first.
const BREAKS: [(&str, &str); 9] = [
    ("delete from core.lease where phase = 'preparing'", "if and only if it has a lease"),
    (
        "alter table core.lease drop constraint lease_attempt_fkey; update core.lease set attempt = attempt + 1",
        "of its own attempt",
    ),
    ("update core.trial_state set attempt = attempt + 1 where status = 'pending'", "adds one attempt"),
    (
        "update core.attempt set outcome = 'released', finished_at = now() where outcome is null",
        "an attempt is open",
    ),
    ("delete from core.result", "a result is stored"),
    ("update core.attempt set outcome = 'diverged' where outcome = 'succeeded'", "ended as its trial did"),
    ("delete from core.metric where seq = 2", "without gap"),
    ("update core.lease set acked_seq = acked_seq + 1", "to its watermark"),
    (
        "update core.trial_state set status = 'failed', ended_at = now() where status = 'pending'",
        "a trial fails only after",
    ),
];

/// The same for what goes on from what, in a trial whose fourth attempt goes on from the third, and that from the first.
const BREAKS_OF_LINEAGE: [(&str, &str); 14] = [
    (
        "alter table core.lineage drop constraint lineage_attempt_fkey; update core.lineage set attempt = 9 where attempt = 4",
        "only from earlier ones",
    ),
    (
        "alter table core.lineage drop constraint lineage_ancestor_fkey, drop constraint lineage_order;
         update core.lineage set ancestor = 8 where attempt = 3",
        "only from earlier ones",
    ),
    (
        "alter table core.lineage drop constraint lineage_order; update core.lineage set ancestor = 3 where attempt = 3",
        "only from earlier ones",
    ),
    (
        // A circle.
        "alter table core.lineage drop constraint lineage_order;
         insert into core.lineage select trial_id, 1, 4, 1 from core.lineage where attempt = 3",
        "only from earlier ones",
    ),
    ("update core.lineage set last_seq = 1000 where attempt = 3", "no more than they told"),
    ("update core.lineage set last_seq = -1 where attempt = 3", "no more than they told"),
    // The second one was given back before it told anything, and nobody went on from it.
    ("insert into core.lineage select trial_id, 4, 2, 0 from core.lineage where attempt = 3", "are one line"),
    ("update core.lineage set last_seq = 1 where attempt = 4 and ancestor = 1", "are one line"),
    ("delete from core.lineage where attempt = 4 and ancestor = 1", "comes before that attempt"),
    ("update core.checkpoint set attempt = 9", "of an attempt of its trial"),
    ("update core.checkpoint set last_seq = last_seq + 100", "no more records than it told"),
    (
        "update core.checkpoint set step = step + 1, furthest_step = furthest_step + 1",
        "no further than the steps",
    ),
    ("update core.checkpoint set furthest_step = 0", "further than the furthest"),
    (
        "insert into core.checkpoint_removal (worker_id, trial_id, attempt)
         select worker_id, trial_id, attempt from core.lease where attempt = 4",
        "that is to be removed",
    ),
];

async fn assert_told(pool: &PgPool, statement: &'static str, rule: &str) {
    let mut transaction = pool.begin().await.unwrap();
    let changed = sqlx::raw_sql(statement).execute(&mut *transaction).await.unwrap();
    assert!(changed.rows_affected() > 0, "{statement}");
    let broken: Vec<String> = sqlx::query_scalar("select invariant from core.broken_invariant")
        .fetch_all(&mut *transaction)
        .await
        .unwrap();
    assert!(broken.iter().any(|told| told.contains(rule)), "{statement}: {broken:?}");
    transaction.rollback().await.unwrap();
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn each_rule_that_is_broken_is_told(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(3)).await;
    let worker = world.worker("one").await;
    // One with a result, one that runs and has told something, one that waits.
    let done = world.claim_one(&worker).await;
    world.report(&done, 1, points(1, 3)).await.unwrap();
    world.complete(&done, result(0.5), 3).await.unwrap();
    let running = world.claim_one(&worker).await;
    world.report(&running, 1, points(1, 2)).await.unwrap();
    world.check_invariants().await;

    for (statement, rule) in BREAKS {
        assert_told(&pool, statement, rule).await;
    }
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn each_rule_of_what_goes_on_from_what_is_told(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let first = world.claim_one(&worker).await;
    world.report(&first, 1, points(1, 5)).await.unwrap();
    world.save(&first, checkpoint(4, 4)).await.unwrap();
    world.release(&first).await.unwrap();
    let second = world.claim_one(&worker).await;
    world.release(&second).await.unwrap();
    let third = world.claim_one(&worker).await;
    world.report(&third, 1, [resumed(1, 4, 4), points(5, 3)].concat()).await.unwrap();
    world.save(&third, checkpoint(6, 3)).await.unwrap();
    world.release(&third).await.unwrap();
    let fourth = world.claim_one(&worker).await;
    world.report(&fourth, 1, [resumed(3, 3, 6), points(7, 2)].concat()).await.unwrap();
    world.check_invariants().await;
    assert_eq!(world.number("select count(*) from core.lineage").await, 3);
    // What is saved right after going on is as far as those before told.
    world.save(&fourth, checkpoint(6, 1)).await.unwrap();
    world.check_invariants().await;
    world.save(&fourth, checkpoint(8, 3)).await.unwrap();
    world.check_invariants().await;

    for (statement, rule) in BREAKS_OF_LINEAGE {
        assert_told(&pool, statement, rule).await;
    }
    world.complete(&fourth, result(0.5), 3).await.unwrap();
    world.check_invariants().await;
    let kept = "insert into core.checkpoint (trial_id, attempt, step, examples, last_seq, path, sha256, bytes, furthest_step)
                select trial_id, 4, 1, 1, 1, '', '', 1, 1 from core.trial";
    assert_told(&pool, kept, "a trial with a result has no checkpoint").await;
}
