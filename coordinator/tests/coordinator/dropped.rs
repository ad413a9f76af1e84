//! Calls whose callers are gone: a handler is dropped wherever it is.

use sqlx::PgPool;

use crate::world::World;

/// Polls of one call at most: enough for it to be done, and at many earlier ones it is dropped. (A runtime that is never idle
/// looks at its sockets at every 61st.)
const POLLS: usize = 1_200;

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_call_that_is_dropped_leaves_no_transaction_open(pool: PgPool) {
    let world = World::new(&pool);
    // A connection that is there already, or all the polls would go into making one.
    drop(world.store.begin().await.unwrap());
    for round in 0..10 {
        for polls in (round..POLLS).step_by(20) {
            let begin = world.store.begin();
            tokio::pin!(begin);
            for _ in 0..polls {
                tokio::select! {
                    biased;
                    begun = &mut begin => {
                        drop(begun.unwrap());
                        break;
                    }
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        while world.store.requests.num_idle() < world.store.requests.size() as usize {
            tokio::task::yield_now().await;
        }
        let open: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and state like 'idle in transaction%'",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(open, 0, "connections in the pool with an open transaction, round {round}");
    }
}
