//! The plans of what is asked for leases: they are made once, perhaps while tables are empty, and must be good for full ones.
//! A plan by keys costs the same whatever a table holds; one that reads a table because it was small costs ever more.

use std::path::Path;

use coordinator::store::connect;
use sqlx::{PgPool, Row};

use crate::checkpoints::checkpoint;
use crate::world::{World, result, spec};

/// What workers ask for all the time.
const QUERIES: [&str; 23] = [
    "checkpoint/forget_checkpoints",
    "checkpoint/note_removals",
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
    "lease/lock_lease",
    "lease/reattach_lease",
    "lease/renew_leases",
    "memory/known_steps",
    "memory/times_told",
    "record/insert_results",
    "sweep/note_results",
    "worker/adopt_leases",
    "worker/held_states",
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

/// The lines of a plan that read an index without a key of it: all of the table.
fn without_key(plan: &str) -> Vec<&str> {
    let lines: Vec<&str> = plan.lines().collect();
    let details = |place: usize| lines[place + 1..].iter().take_while(|line| !line.contains("->"));
    let is_scan = |line: &str| ["Index Scan", "Index Only Scan"].iter().any(|scan| line.contains(scan));
    (0..lines.len())
        .filter(|&place| is_scan(lines[place]) && !details(place).any(|line| line.contains("Index Cond")))
        .map(|place| lines[place])
        .collect()
}

/// Plans each query and looks how it goes.
async fn assert_all_go_by_keys(pool: &PgPool, state: &str) {
    let store = connect::open(&pool.connect_options());
    let mut connection = store.vital.acquire().await.unwrap();
    let mut faults = Vec::new();
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
        let mut unwanted = vec!["trial_state_status", "Hash Join", "Merge Join"];
        if !OF_THE_QUEUE.contains(&name) {
            unwanted.extend(["Seq Scan", "trial_state_queue"]);
            unwanted.extend(without_key(&plan));
        }
        unwanted.retain(|way| plan.contains(way));
        if !unwanted.is_empty() {
            faults.push(format!("{name} goes by {}:\n{plan}", unwanted.join(", ")));
        }
    }
    assert!(faults.is_empty(), "planned on {state}:\n\n{}", faults.join("\n\n"));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn what_is_asked_for_leases_goes_by_keys_whatever_the_tables_held_when_it_was_planned(pool: PgPool) {
    assert_all_go_by_keys(&pool, "tables never looked at").await;
    let world = World::new(&pool);
    world.sql("vacuum analyze").await;
    assert_all_go_by_keys(&pool, "tables known to be empty").await;

    world.submit(spec(3)).await;
    let worker = world.worker("one").await;
    let done = world.claim_one(&worker).await;
    world.complete(&done, result(0.5), 0).await.unwrap();
    let running = world.claim_one(&worker).await;
    world.save(&running, checkpoint(1, 0)).await.unwrap();
    world.sql("analyze").await;
    assert_all_go_by_keys(&pool, "tables known to be small").await;

    // Then, after the last lease has ended, of all tables only that of leases is.
    world.sql("truncate core.lease").await;
    world.sql("vacuum analyze").await;
    for workers in 0..20 {
        world.worker(&format!("other-{workers}")).await;
    }
    world.sql("analyze core.worker").await;
    assert_all_go_by_keys(&pool, "no lease").await;
}
