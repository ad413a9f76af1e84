//! What must be true during and after a storm.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::trainer;
use crate::work::Work;

/// Looks into the database beside the coordinators, without the proxy.
#[derive(Debug, Clone)]
pub struct Oracle {
    pool: PgPool,
}

/// How many attempts ended how, so that a quiet run does not pass for a good one.
#[derive(Debug, sqlx::FromRow)]
#[expect(dead_code, reason = "all of it is printed, so that people see how much was asked of the cluster")]
pub struct Turmoil {
    pub attempts: i64,
    /// Trials that needed more than one attempt.
    pub repeated: i64,
    /// Attempts lost with their workers.
    pub lost: i64,
    /// Attempts that ended with a dead trainer.
    pub crashed: i64,
    /// Attempts whose trainer hung.
    pub hung: i64,
    /// Attempts that were given back.
    pub released: i64,
}

/// A trial's row among the results.
#[derive(Debug, sqlx::FromRow)]
struct Ended {
    trial_id: String,
    seed: i64,
    status: String,
    steps: Option<i64>,
    final_train_loss: Option<f64>,
}

/// A worker that has a trial and has told something of it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Holder {
    pub worker: String,
    pub trial_id: Uuid,
    pub attempt: i32,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is the trial's newest one, or not to be seen at this moment.
    Unknown,
    /// It has ended, and the trial will have no further one by itself.
    Ended,
    /// Another one has told at least as much as it had.
    Overtaken,
}

impl Oracle {
    pub fn new(database: &str) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(Duration::from_secs(1))
            .connect_lazy(database)
            .unwrap();
        Self { pool }
    }

    /// The rules that are broken at this moment; `None` while Postgres, or the schema, is not there.
    pub async fn broken(&self) -> Option<Vec<String>> {
        // And no fault here is one that a worker or a coordinator could take for a mistake of the other.
        let query = "select invariant || ': ' || trial_id || ', attempt ' || coalesce(attempt::text, '-')
                     from core.broken_invariant
                     union all
                     select 'attempt ' || attempt || ' of ' || trial_id || ' ended with ' || error_kind || ': ' || error
                     from core.attempt
                     where error_kind in ('input', 'trainer', 'spool_full')
                     union all
                     select 'a search began ' || trial_id || ' ' || count(*) || ' times'
                     from core.decision
                     where action = 'begin'
                     group by trial_id
                     having count(*) > 1
                     union all
                     select 'a worker has ' || trial_id || ', which its search did not choose'
                     from core.trial_state
                     join core.search using (sweep_id)
                     where attempt > 0 and not exists (
                         select from core.decision where decision.trial_id = trial_state.trial_id and action = 'begin'
                     )";
        sqlx::query_scalar(query).fetch_all(&self.pool).await.ok()
    }

    /// Who is in the first half of a trial at this moment: whoever overtakes it has then something left to do.
    pub async fn holders(&self) -> Vec<Holder> {
        let query = "select name as worker, trial_id, attempt
                     from core.lease
                     join core.worker using (worker_id)
                     where acked_seq > 0 and (2 * acked_seq < total_steps or total_steps = 0)
                     order by name";
        sqlx::query_as(query).fetch_all(&self.pool).await.unwrap_or_default()
    }

    pub async fn fate(&self, holder: &Holder) -> Fate {
        let query = "select
                         exists (
                             select
                             from core.attempt heir
                             left join core.lease using (trial_id, attempt)
                             where heir.trial_id = own.trial_id
                                 and heir.attempt > own.attempt
                                 and coalesce(lease.acked_seq, heir.acked_seq) >= own.acked_seq
                                 and (lease.acked_seq > 0 or heir.outcome is not null)
                         ) as overtaken,
                         state.ended_at is not null as ended
                     from core.attempt own
                     join core.trial_state state using (trial_id)
                     where own.trial_id = $1 and own.attempt = $2";
        let row: Option<(bool, bool)> = sqlx::query_as(query)
            .bind(holder.trial_id)
            .bind(holder.attempt)
            .fetch_optional(&self.pool)
            .await
            .unwrap_or(None);
        match row {
            Some((true, _)) => Fate::Overtaken,
            Some((false, true)) => Fate::Ended,
            _ => Fate::Unknown,
        }
    }

    /// Trials of each status; `None` while Postgres is down.
    pub async fn count(&self, status: &[&str]) -> Option<i64> {
        sqlx::query_scalar("select count(*) from core.trial_state where status = any ($1)")
            .bind(status.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
            .fetch_one(&self.pool)
            .await
            .ok()
    }

    pub async fn turmoil(&self) -> Turmoil {
        sqlx::query_as(
            "select count(*) as attempts,
                    count(distinct trial_id) filter (where attempt > 1) as repeated,
                    count(*) filter (where error_kind = 'worker_lost') as lost,
                    count(*) filter (where error_kind in ('crash', 'suspected_host_oom')) as crashed,
                    count(*) filter (where error_kind = 'hung') as hung,
                    count(*) filter (where outcome = 'released') as released
             from core.attempt",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    /// What is not as a run without faults would have left it.
    pub async fn differences(&self, work: Work) -> Vec<String> {
        match work {
            Work::Numbers => self.other_numbers().await,
            Work::Training => self.other_training().await,
        }
    }

    /// Each trial must have one result with its own numbers, and each step's loss once.
    async fn other_numbers(&self) -> Vec<String> {
        let results: Vec<Ended> =
            sqlx::query_as("select trial_id, seed, status, steps, final_train_loss from batchsweep.result")
                .fetch_all(&self.pool)
                .await
                .unwrap();
        let points: Vec<(String, i64, Option<f64>)> = sqlx::query_as(
            "select trial_id, step, value from batchsweep.metric where name = 'train_loss' order by trial_id, step",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let mut told: HashMap<String, Vec<(i64, Option<f64>)>> = HashMap::new();
        for (trial, step, value) in points {
            told.entry(trial).or_default().push((step, value));
        }
        let mut differences = Vec::new();
        for Ended { trial_id: trial, seed, status, steps, final_train_loss: last } in &results {
            let seed = seed.unsigned_abs();
            let expected = trainer::steps(seed);
            let told = told.remove(trial).unwrap_or_default();
            let losses: Vec<_> = (1..=expected)
                .map(|step| (i64::try_from(step).unwrap(), Some(trainer::loss(seed, step))))
                .collect();
            if status != "succeeded" || *steps != i64::try_from(expected).ok() {
                differences.push(format!("trial {trial} is {status} after {steps:?} steps, not {expected}"));
            }
            if *last != Some(trainer::loss(seed, expected)) {
                differences.push(format!("trial {trial} ended at {last:?}"));
            }
            if told != losses {
                differences.push(format!("trial {trial} told {} losses, not {}", told.len(), losses.len()));
            }
        }
        differences
    }

    /// Sweeps are alike, and the first one met no fault: each trial must have its twin's result and each of its losses,
    /// bit for bit.
    async fn other_training(&self) -> Vec<String> {
        let query = "with told as (
                         select trial_id, count(*) as losses, min(step) as first, max(step) as last,
                             md5(string_agg(step || ' ' || value, ',' order by step)) as curve
                         from batchsweep.metric
                         where name = 'train_loss'
                         group by trial_id
                     ),
                     outcome as (
                         select sweep.created_at, result.seed, result.trial_id,
                             concat_ws(' ', result.status, result.micro_batch, result.steps, result.final_train_loss,
                                 result.train_set_loss, told.losses, told.first, told.last, told.curve) as outcome
                         from batchsweep.result
                         join batchsweep.sweep using (sweep_id)
                         left join told using (trial_id)
                     ),
                     twin as (
                         select trial_id, outcome,
                             first_value(outcome) over (partition by seed order by created_at) as calm
                         from outcome
                     )
                     select trial_id || ': ' || outcome || ', not ' || calm
                     from twin
                     where outcome <> calm or calm not like 'succeeded %'";
        sqlx::query_scalar(query).fetch_all(&self.pool).await.unwrap()
    }
}
