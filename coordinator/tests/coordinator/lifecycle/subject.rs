//! The subject: the coordinator's handlers over the SQL store. Time does not pass by itself.

use std::collections::HashMap;

use coordinator::store::expiry;
use domain::lifecycle::TrialStatus;
use proto::v1::sweep_service_server::SweepService;
use proto::v1::worker_service_server::WorkerService;
use proto::{Reason, Wire, v1};
use sqlx::PgPool;
use tonic::{Request, Status};
use uuid::Uuid;

use super::model::{End, LeaseId, Model, Reply, Step};
use crate::world::{TTL, Worker, World, points, registration, result, spec};

pub struct Subject<'a> {
    world: &'a World,
    /// Looks at what is stored. The coordinator's own connections plan each statement anew, which is slow for a large one.
    pool: &'a PgPool,
    sweeps: Vec<String>,
    submission: Uuid,
    trials: Vec<Uuid>,
    workers: Vec<Option<Worker>>,
    instances: Vec<Uuid>,
    requests: Vec<Uuid>,
    leases: HashMap<LeaseId, v1::Lease>,
}

impl<'a> Subject<'a> {
    /// On an empty database.
    pub async fn new(world: &'a World, pool: &'a PgPool) -> Self {
        world.sql("truncate core.sweep, core.worker, core.metric, core.split, core.log cascade").await;
        Self {
            world,
            pool,
            sweeps: Vec::new(),
            submission: Uuid::new_v4(),
            trials: Vec::new(),
            workers: Vec::new(),
            instances: Vec::new(),
            requests: Vec::new(),
            leases: HashMap::new(),
        }
    }

    /// Does a step; `again` where it is the same call once more.
    pub async fn step(&mut self, step: &Step, model: &Model, again: bool) -> Reply {
        let told = self.call(step, model, again).await;
        // Whatever is to wait a second waits until a step says that it is over.
        self.world
            .sql("update core.trial_state set run_after = now() + interval '50 minutes' where run_after > now()")
            .await;
        told.unwrap_or_else(|status| Reply::Refused(reason(&status)))
    }

    async fn call(&mut self, step: &Step, model: &Model, again: bool) -> Result<Reply, Status> {
        match step.clone() {
            Step::Submit { trials } => self.submit(trials, again).await,
            Step::Claim { request } => self.claim(request, model).await,
            Step::Heartbeat { process, lease } => {
                let worker = self.workers[process].clone().unwrap();
                let orders = self.world.heartbeat(&worker, &[self.leases[&lease].clone()]).await?;
                Ok(Reply::Ordered(orders[0]))
            }
            Step::Report { lease, first_seq, count } => {
                let records = points(first_seq, count);
                Ok(Reply::Acked(self.world.report(&self.leases[&lease], first_seq, records).await?))
            }
            Step::Complete { lease, outcome, loss, last_seq } => {
                let result = v1::TrialResult { outcome: outcome.to_wire().into(), ..result(f64::from(loss)) };
                self.world.complete(&self.leases[&lease], result, last_seq).await.map(|()| Reply::Done)
            }
            Step::Fail { lease, kind } => {
                self.world.fail(&self.leases[&lease], kind, "broken").await.map(Reply::WillRetry)
            }
            Step::Release { lease } => self.world.release(&self.leases[&lease]).await.map(|()| Reply::Done),
            Step::Expire { lease } => {
                self.expire(&self.leases[&lease]).await;
                Ok(Reply::Done)
            }
            Step::PassDelays => {
                self.world.skip_delays().await;
                Ok(Reply::Done)
            }
            Step::Register { process, shown } => self.register(process, &shown, model).await,
            Step::Pause { sweep } => self.world.pause(&self.sweeps[sweep]).await.map(|_| Reply::Done),
            Step::Resume { sweep } => self.world.resume(&self.sweeps[sweep]).await.map(|_| Reply::Done),
            Step::Cancel { sweep, drain } => {
                let request = v1::CancelSweepRequest { sweep: self.sweeps[sweep].clone(), drain };
                self.world.sweeps.cancel_sweep(Request::new(request)).await.map(|_| Reply::Done)
            }
            Step::Retry { sweep } => Ok(Reply::Retried(self.world.retry(&self.sweeps[sweep]).await)),
        }
    }

    async fn submit(&mut self, trials: usize, again: bool) -> Result<Reply, Status> {
        if !again {
            self.submission = Uuid::new_v4();
        }
        let sweep = self.world.create(spec(trials as u64), self.submission).await?.sweep_id;
        if again {
            assert_eq!(self.sweeps.last(), Some(&sweep), "one request makes one sweep");
            return Ok(Reply::Done);
        }
        let ids: Vec<Uuid> =
            sqlx::query_scalar("select trial_id from core.trial where sweep_id = $1 order by trial_index")
                .bind(sweep.parse::<Uuid>().unwrap())
                .fetch_all(&self.world.store.requests)
                .await
                .unwrap();
        self.trials.extend(ids);
        self.sweeps.push(sweep);
        Ok(Reply::Done)
    }

    async fn claim(&mut self, request: usize, model: &Model) -> Result<Reply, Status> {
        if self.requests.len() == request {
            self.requests.push(Uuid::new_v4());
        }
        let (process, max) = model.requests[request];
        let worker = self.workers[process].clone().unwrap();
        let trials = self.world.claim_with(&worker, self.requests[request], max).await?;
        let mut claimed = Vec::new();
        for trial in trials {
            let lease = trial.lease.unwrap();
            let id = lease.trial_id.parse::<Uuid>().unwrap();
            let place = self.trials.iter().position(|trial| *trial == id).unwrap();
            let id = (place, lease.attempt);
            let known = self.leases.insert(id, lease.clone());
            assert!(known.is_none_or(|known| known == lease), "an attempt has one token");
            claimed.push(id);
        }
        Ok(Reply::Claimed(claimed))
    }

    async fn register(&mut self, process: usize, shown: &[LeaseId], model: &Model) -> Result<Reply, Status> {
        if self.workers.len() == process {
            self.workers.push(None);
            self.instances.push(Uuid::new_v4());
        }
        let instance_id = self.instances[process].to_string();
        let request = v1::RegisterWorkerRequest {
            held: shown.iter().map(|lease| self.leases[lease].clone()).collect(),
            ..registration(&format!("worker-{}", model.processes[process]), &instance_id)
        };
        let answer = self.world.workers.register_worker(Request::new(request)).await?.into_inner();
        let states = answer.held().collect();
        self.workers[process] = Some(Worker { worker_id: answer.worker_id, instance_id });
        Ok(Reply::Held(states))
    }

    async fn expire(&self, lease: &v1::Lease) {
        let query = "update core.lease set expires_at = now() - interval '1 second'
                     where trial_id = $1 and attempt = $2";
        sqlx::query(query)
            .bind(lease.trial_id.parse::<Uuid>().unwrap())
            .bind(i32::try_from(lease.attempt).unwrap())
            .execute(&self.world.store.requests)
            .await
            .unwrap();
        let mut transaction = self.world.store.begin().await.unwrap();
        expiry::expire(&mut transaction, TTL).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// What is stored, in words; to be the same as [`in_words`].
    pub async fn in_words(&self) -> Vec<String> {
        let query = "select trial.trial_id, concat_ws(' ',
                         state.status, 'failures', state.failures, 'preemptions', state.preemptions,
                         'accepted', coalesce(state.accepted_attempt, 0), 'sweep',
                         case when sweep.paused then 'paused' end, sweep.cancelled,
                         (
                             select string_agg(concat_ws(' ', '|', coalesce(outcome, 'open'), error_kind,
                                 case will_retry when true then 'again' end,
                                 coalesce(lease.acked_seq, attempt.acked_seq)), ' ' order by attempt)
                             from core.attempt
                             left join core.lease using (trial_id, attempt)
                             where trial_id = trial.trial_id
                         ))
                     from core.trial_state state
                     join core.trial using (trial_id)
                     join core.sweep on sweep.sweep_id = trial.sweep_id";
        let rows: Vec<(Uuid, String)> = sqlx::query_as(query).fetch_all(self.pool).await.unwrap();
        let rows: HashMap<Uuid, String> = rows.into_iter().collect();
        self.trials.iter().map(|trial| rows[trial].clone()).collect()
    }

    pub async fn broken(&self) -> Vec<String> {
        sqlx::query_scalar("select invariant from core.broken_invariant").fetch_all(self.pool).await.unwrap()
    }
}

/// What the model says is stored, in the same words.
pub fn in_words(model: &Model) -> Vec<String> {
    let words = |trial: &super::model::Trial| {
        let sweep = &model.sweeps[trial.sweep];
        let accepted = if trial.status.is_result() { trial.attempts.len() } else { 0 };
        let mut words = format!(
            "{} failures {} preemptions {} accepted {accepted} sweep",
            trial.status, trial.failures, trial.preemptions
        );
        if sweep.paused {
            words += " paused";
        }
        words += match sweep.cancelled {
            Some(true) => " drain",
            Some(false) => " stop",
            None => "",
        };
        for attempt in &trial.attempts {
            words += &match &attempt.end {
                None => " | open".to_owned(),
                Some(End::Completed(outcome, _)) => format!(" | {}", outcome.status()),
                Some(End::Failed { kind, will_retry }) => {
                    let again = if *will_retry { " again" } else { "" };
                    format!(" | failed {}{again}", kind_word(*kind))
                }
                Some(End::Released) => " | released".to_owned(),
                Some(End::Cancelled) => format!(" | {}", TrialStatus::Cancelled),
            };
            words += &format!(" {}", attempt.acked);
        }
        words
    };
    model.trials.iter().map(words).collect()
}

fn kind_word(kind: Option<v1::FailureKind>) -> &'static str {
    match kind {
        None => "worker_lost",
        Some(v1::FailureKind::Input) => "input",
        Some(v1::FailureKind::Files) => "files",
        Some(v1::FailureKind::Trainer) => "trainer",
        Some(v1::FailureKind::Crash) => "crash",
        Some(v1::FailureKind::SuspectedHostOom) => "suspected_host_oom",
        Some(v1::FailureKind::Hung) => "hung",
        Some(kind) => panic!("no test sends {kind:?}"),
    }
}

fn reason(status: &Status) -> Reason {
    Reason::of(status).unwrap_or_else(|| panic!("no reason: {status:?}"))
}
