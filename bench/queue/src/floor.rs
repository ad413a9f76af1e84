//! Plain SQL: trials claimed in batches and ended by pgbench, with the rows that any such queue must write (state, lease,
//! result), and nothing else: no network, no checks, no attempts told apart by a token.

use anyhow::{Context, Result, ensure};

use crate::postgres::Postgres;

/// The database that it happens in.
const DATABASE: &str = "bench_floor";

/// Trials in one claim.
pub const BATCH: u32 = 32;

/// How the trials of a claim end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// All in one transaction: nothing can train like that, so nothing gets faster.
    Together,
    /// Each in a transaction of its own, as trials on different devices do.
    OneByOne,
}

const SCHEMA: &str = "
    create table trial (id bigint primary key, status smallint not null default 0, attempt integer not null default 0,
        priority integer not null default 0, run_after timestamptz not null default now(), ended_at timestamptz)
        with (fillfactor = 70);
    create index trial_waiting on trial (priority desc, run_after, id) where status = 0;
    create table lease (id bigint primary key, attempt integer not null, token uuid not null, holder integer not null,
        expires_at timestamptz not null);
    create index lease_holder on lease (holder);
    create table result (id bigint primary key, attempt integer not null, loss double precision not null,
        seconds double precision not null);";

const CLAIM: &str = "
    with chosen as materialized (
        select id from trial where status = 0 order by priority desc, run_after, id limit {batch} for update skip locked
    ),
    taken as (
        update trial set status = 1, attempt = attempt + 1
        where id = any (array(select id from chosen)) returning id, attempt
    )
    insert into lease select id, attempt, gen_random_uuid(), :client_id, now() + interval '30 s' from taken;";

const COMPLETE: &str = "
    with gone as (delete from lease where {which} returning id, attempt),
    done as (
        update trial set status = 2, ended_at = now() from gone
        where trial.id = gone.id and trial.attempt = gone.attempt returning trial.id, trial.attempt
    )
    insert into result select id, attempt, 0.5, 0.25 from done;";

impl Ends {
    /// The statements that end the trials of one claim.
    fn statements(self) -> Vec<String> {
        let (which, count) = match self {
            Self::Together => ("holder = :client_id", 1),
            Self::OneByOne => ("id = (select id from lease where holder = :client_id limit 1)", BATCH),
        };
        vec![COMPLETE.replace("{which}", which); count as usize]
    }
}

/// Trials that all connections together claim and end in a second.
pub async fn trials_per_second(
    postgres: &Postgres,
    connections: u32,
    ends: Ends,
    seconds: f64,
) -> Result<f64> {
    postgres.make(DATABASE).await?;
    postgres.ask(DATABASE, SCHEMA).await?;
    postgres.ask(DATABASE, "insert into trial (id) select generate_series(1, 400000)").await?;
    postgres.ask(DATABASE, "vacuum analyze").await?;
    let file = std::env::temp_dir().join(format!("bench-queue-{}.sql", std::process::id()));
    // pgbench takes a statement to end with its line or a semicolon.
    let statements = [vec![CLAIM.replace("{batch}", &BATCH.to_string())], ends.statements()].concat();
    let lines: Vec<String> = statements
        .iter()
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    std::fs::write(&file, lines.join("\n"))?;
    let output = postgres
        .program("pgbench")
        .args(["--no-vacuum", "--protocol=prepared"])
        .arg(format!("--time={}", seconds.ceil()))
        .arg(format!("--client={connections}"))
        .arg("--file")
        .arg(&file)
        .arg(postgres.url(DATABASE))
        .output()
        .await
        .context("starting pgbench")?;
    let _ = std::fs::remove_file(&file);
    ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8_lossy(&output.stdout);
    let left = postgres.ask(DATABASE, "select count(*) from trial where status = 0").await?;
    ensure!(left != "0", "plain SQL was through with its trials before the time was over");
    let rate = told.lines().find_map(|line| line.strip_prefix("tps = "));
    let rate = rate.and_then(|rate| rate.split_whitespace().next()).context("pgbench tells no rate")?;
    Ok(rate.parse::<f64>()? * f64::from(BATCH))
}
