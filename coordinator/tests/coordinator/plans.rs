//! The plans of what is asked for leases: they are made once, perhaps while tables are empty, and must be good for full ones.

use std::path::Path;

use coordinator::store::connect;
use sqlx::{PgPool, Row};

/// What workers ask for all the time.
const QUERIES: [&str; 19] = [
    "checkpoint/forget_checkpoints",
    "checkpoint/removals_of_worker",
    "claim/insert_leases",
    "claim/leases_of_requests",
    "claim/lock_workers",
    "claim/look",
    "claim/take_trials",
    "lease/end_attempts",
    "lease/ended_attempt",
    "lease/lock_attempts",
    "lease/lock_completions",
    "lease/reattach_lease",
    "lease/renew_leases",
    "memory/known_steps",
    "memory/times_told",
    "record/insert_results",
    "sweep/note_results",
    "worker/standings",
    "worker/workers_seen",
];

/// Those that look for trials that wait, by the index that is for that; how many each sweep has running is counted.
const OF_THE_QUEUE: [&str; 2] = ["claim/look", "claim/take_trials"];

/// How many parameters a query has.
fn parameters(query: &str) -> usize {
    let numbers = query
        .split('$')
        .skip(1)
        .filter_map(|rest| rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<usize>().ok());
    numbers.max().unwrap_or(0)
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn what_is_asked_for_leases_goes_by_keys_also_as_planned_on_empty_tables(pool: PgPool) {
    let store = connect::open(&pool.connect_options());
    let mut connection = store.vital.acquire().await.unwrap();
    for name in QUERIES {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries").join(format!("{name}.sql"));
        let query = std::fs::read_to_string(file).unwrap();
        let nulls = vec!["null"; parameters(&query)].join(", ");
        let arguments = if nulls.is_empty() { String::new() } else { format!("({nulls})") };
        let prepare = format!("deallocate all; prepare planned as {query}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap();
        let explain = format!("explain (costs off) execute planned{arguments}");
        let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        let mut unwanted = vec!["trial_state_status"];
        if !OF_THE_QUEUE.contains(&name) {
            unwanted.extend(["Seq Scan", "trial_state_queue"]);
        }
        for way in unwanted {
            assert!(!plan.contains(way), "{name} goes by {way}:\n{plan}");
        }
        assert!(!plan.contains("Hash Join") && !plan.contains("Merge Join"), "{name}:\n{plan}");
    }
}
