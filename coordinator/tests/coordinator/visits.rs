//! How many rows Postgres visits for what commands and pages ask. A wrong plan visits thousands of times too many, and it
//! comes of tables that Postgres has not analysed yet, as on a fresh machine.

use std::path::Path;

use domain::spec::{Target, TargetMetric, TrainSpec};
use domain::table::{Table, View};
use report::data_line;
use report::gather::Gathering;
use report::page::{Report, SweepFacts};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use coordinator::store::rows::{self, Wanted};

use crate::world::World;

/// Sweeps, trials of each, and points of each trial's curves.
const SWEEPS: u64 = 5;
const TRIALS: u64 = 300;
const POINTS: u64 = 100;

/// The sweep that is asked about, and one trial of it.
const SWEEP: &str = "00000000-0000-0000-0001-000000000003";
const TRIAL: &str = "00000003-0000-0000-0002-00000000002a";

/// Of each row that a question is about, so many are visited at most, in all tables together.
const PER_ROW: u64 = 60;

/// What the files in queries/ are given that people wait for. The others are planned by keys (see `plans`), or write the
/// few rows that they are given.
const QUERIES: [(&str, &str); 28] = [
    ("rows/attempt_rows", "'{sweep}', null, null, null"),
    ("rows/best_learning_rate_rows", "'{sweep}'"),
    ("rows/log_rows", "'{sweep}', '{trial}'"),
    ("rows/metric_rows", "'{sweep}', '{trial}', null, null, null, null"),
    ("rows/result_rows", "'{sweep}', null, null, null, null"),
    ("rows/split_rows", "'{sweep}', null, null, null"),
    ("rows/trial_rows", "'{sweep}', null, null, null, null"),
    ("rows/worker_rows", ""),
    ("rows/view_columns", "'result'"),
    ("coordinator/load", ""),
    ("checkpoint/condemn_checkpoints", "604800, 100"),
    ("sweep/cancel_pending_trials", "'{sweep}'"),
    ("sweep/find_sweeps", "'third', null, null"),
    ("sweep/get_sweep", "'{sweep}'"),
    ("sweep/list_sweeps", "null, 50"),
    ("sweep/newest_sweep", ""),
    ("sweep/recent_names", ""),
    ("sweep/retry_trials", "'{sweep}'"),
    ("sweep/running_trials", "'{sweep}'"),
    ("sweep/size_of_tables", ""),
    ("sweep/specs_of_sweeps", "array['{sweep}'::uuid]"),
    ("token/list_tokens", "true"),
    ("trial/find_trials", "'{trial}', '{trial}', '{sweep}'"),
    ("trial/trial_by_index", "'{sweep}', 42"),
    ("upload/upload_of_trial", "'{trial}', repeat('a', 64)"),
    ("worker/find_workers", "'worker', null, null"),
    ("worker/recent_workers", ""),
    ("sweep/remove_sweeps", "array['{sweep}'::uuid]"),
];

/// Sweeps that met their targets, written at once, as results of toy trials arrive on a fresh machine: before Postgres has
/// looked at any table.
async fn fill(pool: &PgPool) {
    let sweeps = format!("generate_series(1, {SWEEPS}) sweep");
    let statements = [
        "alter table core.metric set (autovacuum_enabled = false)".to_owned(),
        "insert into core.worker (worker_id, name, instance_id, version, device, device_description, memory_bytes,
             libtorch_version, threads, expires_at)
         values ('00000000-0000-0000-0000-00000000000a', 'worker', gen_random_uuid(), '1', 'cpu', '', 1, '2', 1, now())"
            .to_owned(),
        format!(
            "insert into core.sweep (sweep_id, name, spec, request_id, request_hash)
             select ('00000000-0000-0000-0001-' || lpad(sweep::text, 12, '0'))::uuid, 'third', '', gen_random_uuid(), ''
             from {sweeps}"
        ),
        format!(
            "insert into core.trial
             select (lpad(sweep::text, 8, '0') || '-0000-0000-0002-' || lpad(to_hex(trial), 12, '0'))::uuid,
                 ('00000000-0000-0000-0001-' || lpad(sweep::text, 12, '0'))::uuid, trial, 'key ' || trial,
                 8 * (1 + trial % 6), 0.1 * (1 + trial / 6 % 10), 'sgd', 'float32', trial / 60, '{{}}', ''
             from {sweeps}, generate_series(0, {TRIALS} - 1) trial"
        ),
        "insert into core.trial_state (trial_id, sweep_id, status, attempt, accepted_attempt, ended_at)
         select trial_id, sweep_id, 'succeeded', 1, 1, now() from core.trial"
            .to_owned(),
        "insert into core.attempt (trial_id, attempt, token, worker_id, instance_id, finished_at, outcome)
         select trial_id, 1, '', worker_id, gen_random_uuid(), now(), 'succeeded' from core.trial, core.worker"
            .to_owned(),
        format!(
            "insert into core.result (trial_id, attempt, micro_batch, accumulation_steps, accumulation, device, steps,
                 examples, epochs, final_validation_loss, steps_to_target, examples_to_target, seconds_to_target,
                 train_seconds, peak_memory_bytes, peak_reserved_bytes, predicted_peak_memory_bytes,
                 resident_data_bytes, parameter_bytes, gradient_bytes, optimizer_state_bytes, batch_bytes,
                 activation_bytes, oom_count)
             select trial_id, 1, 8, 1, 'none', 'cpu', {POINTS}, 8 * {POINTS}, 1, 0.5 + learning_rate, {POINTS}, 80, 1, 1,
                 6, 6, 6, 0, 1, 1, 1, 1, 2, 0
             from core.trial"
        ),
        format!(
            "insert into core.metric
             select trial_id, name * {POINTS} + step, step, step * 8, step * 0.01, 0.5, 1, name
             from core.trial, generate_series(1, {POINTS}) step, (values (1), (5)) curve (name)"
        ),
        "insert into core.split
         select trial_id, 1, 1, 'planned', 0, batch_size, 1, 6, 'fits' from core.trial"
            .to_owned(),
        "insert into core.log
         select trial_id, 1, line, 'info', case line when 1 then 'data: synthetic' else 'a line' end, now()
         from core.trial, generate_series(1, 5) line"
            .to_owned(),
    ];
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await.unwrap();
    }
}

/// Rows that a plan read, joined or threw away.
fn visited(plan: &Value) -> u64 {
    let number = |name: &str| plan[name].as_f64().unwrap_or(0.0);
    let thrown: f64 = plan
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.starts_with("Rows Removed by"))
        .filter_map(|(_, rows)| rows.as_f64())
        .sum();
    let own = number("Actual Loops") * (number("Actual Rows") + thrown);
    own as u64 + plan["Plans"].as_array().into_iter().flatten().map(visited).sum::<u64>()
}

/// Does it, undoes it, and says how many rows that took.
async fn visits(connection: &mut PgConnection, name: &str, sql: &str, arguments: &str) -> u64 {
    let arguments = arguments.replace("{sweep}", SWEEP).replace("{trial}", TRIAL);
    let arguments = if arguments.is_empty() { arguments } else { format!("({arguments})") };
    let prepare = format!("begin; prepare asked as {sql}");
    sqlx::raw_sql(AssertSqlSafe(prepare))
        .execute(&mut *connection)
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let explain = format!("explain (analyze, timing off, format json) execute asked{arguments}");
    let plans: Result<Value, _> =
        sqlx::query_scalar(AssertSqlSafe(explain)).persistent(false).fetch_one(&mut *connection).await;
    let plans = plans.unwrap_or_else(|error| panic!("{name}: {error}"));
    sqlx::raw_sql("rollback; deallocate asked").execute(&mut *connection).await.unwrap();
    visited(&plans[0]["Plan"])
}

/// The statements that the command and the page make up themselves.
async fn made_up(pool: &PgPool) -> Vec<(String, String)> {
    let mut connection = pool.acquire().await.unwrap();
    let wanted = Wanted { sweep_id: Some(SWEEP.parse().unwrap()), ..Wanted::default() };
    let results = rows::list(&mut connection, View::Result, &wanted).await.unwrap().table;
    let target = Some(Target { metric: TargetMetric::ValidationLoss, below: 0.4 });
    let gathering = Gathering::new(results, Some(TrainSpec { target, ..TrainSpec::default() }));
    let gaps = gathering.query(SWEEP).expect("all met their target");
    let gathered = gathering.analyze(&Table::default());
    let facts = SweepFacts { sweep_id: SWEEP.to_owned(), ..SweepFacts::default() };
    let report = Report::new(facts, gathered, Table::default());
    let figures = report.sections().into_iter().flat_map(|section| section.figures);
    let mut statements: Vec<(String, String)> = figures.map(|figure| (figure.title, figure.sql)).collect();
    assert!(statements.len() > 3, "there is something to draw");
    statements.extend(report.curve_queries().into_iter().map(|sql| ("curves".to_owned(), sql)));
    statements.push(("evaluations".to_owned(), gaps));
    statements.push(("what the data was".to_owned(), data_line::sql(SWEEP)));
    for view in [
        "sweep",
        "queue_depth",
        "warning",
        "result",
        "trial",
        "attempt",
        "best_learning_rate",
        "split",
        "log",
    ] {
        statements
            .push((view.to_owned(), format!("select * from batchsweep.{view} where sweep_id = '{SWEEP}'")));
    }
    statements
}

async fn assert_few_visits(pool: &PgPool, state: &str) {
    let queries = QUERIES.into_iter().map(|(name, arguments)| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries").join(format!("{name}.sql"));
        (name.to_owned(), std::fs::read_to_string(file).unwrap(), arguments)
    });
    let made_up = made_up(pool).await.into_iter().map(|(name, sql)| (name, sql, ""));
    let mut connection = pool.acquire().await.unwrap();
    let mut faults = Vec::new();
    for (name, sql, arguments) in queries.chain(made_up) {
        let visits = visits(&mut connection, &name, &sql, arguments).await;
        // Whoever asks for curves asks for their points; all others for trials.
        let rows = if sql.contains("metric") { TRIALS * POINTS * 2 } else { TRIALS };
        if visits > rows * PER_ROW {
            faults.push(format!("{name} visits {visits} rows"));
        }
    }
    assert!(faults.is_empty(), "{state}: {}", faults.join("; "));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn what_people_ask_visits_few_rows_also_before_postgres_has_looked_at_its_tables(pool: PgPool) {
    let world = World::new(&pool);
    fill(&pool).await;
    assert_few_visits(&pool, "tables never looked at").await;
    world.sql("analyze").await;
    assert_few_visits(&pool, "tables looked at").await;
}
