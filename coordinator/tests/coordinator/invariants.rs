//! The view of broken invariants sees each way to break one.

use sqlx::PgPool;

use crate::world::{World, points, result, spec};

/// A statement that breaks a rule, and a part of the rule's words.
const BREAKS: [(&str, &str); 9] = [
    ("delete from core.lease where phase = 'preparing'", "if and only if it has a lease"),
    ("update core.lease set attempt = attempt + 1", "of its own attempt"),
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
        let mut transaction = pool.begin().await.unwrap();
        let changed = sqlx::query(statement).execute(&mut *transaction).await.unwrap();
        assert!(changed.rows_affected() > 0, "{statement}");
        let broken: Vec<String> = sqlx::query_scalar("select invariant from core.broken_invariant")
            .fetch_all(&mut *transaction)
            .await
            .unwrap();
        assert!(broken.iter().any(|told| told.contains(rule)), "{statement}: {broken:?}");
        transaction.rollback().await.unwrap();
    }
    world.check_invariants().await;
}
