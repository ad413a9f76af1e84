//! `WorkerService`: for workers. A call that comes twice (its reply was lost) changes nothing twice.

use std::time::Duration;

use domain::run::{Failure, FailureKind, LeaseOrder, TrialResult};
use prost::Message;
use proto::Wire;
use proto::v1::{self, worker_service_server::WorkerService};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::ending::{Ended, end};
use super::uploads::{self, Pieces};
use super::{decode, encode, findings, lessons, register, report};
use crate::access::Caller;
use crate::access::status::{invalid, of_store};
use crate::cache::shared;
use crate::context::Context;
use crate::metrics::METRICS;
use crate::store::checkpoint::{self, Stale};
use crate::store::claim::ClaimRequest;
use crate::store::completion::Completion;
use crate::store::ending::Why;
use crate::store::lease::{self, Beat};
use crate::store::leased::LeasedRow;
use crate::store::worker::{self, Process};
use crate::store::{self, storable};

/// Trials in one claim at most.
const MAX_TRIALS: u32 = 256;

/// Trials of which a worker may report at once that their checkpoints are removed.
const MAX_REMOVED: usize = 1_000;

/// The longest wait for a trial.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The handlers.
#[derive(Debug, Clone)]
pub struct Workers {
    context: Context,
}

impl Workers {
    /// Handlers over this context.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    /// Renews leases, and notes that their worker lives.
    async fn beat(
        &self,
        sign: worker::Sign,
        beats: &[Beat],
        removed: &[Stale],
    ) -> store::Result<(Vec<LeaseOrder>, worker::Heard, Vec<Stale>)> {
        let (worker_id, ttl, by) = (sign.process.worker_id, self.context.lease_ttl, sign.by.clone());
        let mut transaction = self.context.store.begin_vital().await?;
        let seen = worker::seen(&mut transaction, &[sign], ttl).await?;
        let heard = seen.into_iter().next().transpose()?.unwrap_or_default();
        let orders = lease::renew(&mut transaction, beats, by.as_deref(), ttl).await?;
        checkpoint::note_removals(&mut transaction, worker_id, removed).await?;
        let remove = match heard.cleans {
            true => checkpoint::removals(&mut transaction, worker_id).await?,
            false => Vec::new(),
        };
        transaction.commit().await?;
        Ok((orders, heard, remove))
    }

    /// What a worker needs of the trials that it was given.
    async fn leased(&self, rows: Vec<LeasedRow>) -> store::Result<Vec<v1::LeasedTrial>> {
        let trials = rows.into_iter().map(LeasedRow::read).collect::<store::Result<Vec<_>>>()?;
        let specs = self.context.specs.of(&self.context.store, &trials).await?;
        let memory = lessons::of(&self.context, &trials, &specs).await;
        let leased = trials.into_iter().zip(&memory).map(|(trial, memory)| {
            let shared = shared(&specs, &trial)?;
            Ok(encode::leased_trial(trial, shared, memory))
        });
        leased.collect()
    }
}

fn process(worker_id: &str, instance_id: &str) -> Result<Process, Status> {
    Ok(Process {
        worker_id: decode::parsed("worker_id", worker_id)?,
        instance_id: decode::parsed("instance_id", instance_id)?,
    })
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl WorkerService for Workers {
    async fn register_worker(
        &self,
        request: Request<v1::RegisterWorkerRequest>,
    ) -> Answer<v1::RegisterWorkerResponse> {
        let caller = Caller::of(&request);
        let registered = register::register(&self.context, &caller, request.into_inner()).await?;
        Ok(Response::new(v1::RegisterWorkerResponse {
            worker_id: registered.worker_id.to_string(),
            held: registered.held.iter().map(|state| state.to_wire().into()).collect(),
            lease_ttl: Some(encode::duration(self.context.lease_ttl)),
            heartbeat_interval: Some(encode::duration(self.context.heartbeat_interval)),
        }))
    }

    async fn claim_trials(
        &self,
        request: Request<v1::ClaimTrialsRequest>,
    ) -> Answer<v1::ClaimTrialsResponse> {
        let arrived = Instant::now();
        let caller = Caller::of(&request);
        let request = request.into_inner();
        if !(1..=MAX_TRIALS).contains(&request.max_trials) {
            return Err(invalid(
                "max_trials",
                &format!("is {}; ask for 1 to {MAX_TRIALS}", request.max_trials),
            ));
        }
        let claim = ClaimRequest {
            process: process(&request.worker_id, &request.instance_id)?,
            request_id: decode::parsed("request_id", &request.request_id)?,
            max_trials: request.max_trials,
        };
        let wait = request.wait.and_then(|wait| Duration::try_from(wait).ok()).unwrap_or_default();
        let deadline = arrived + wait.min(MAX_WAIT);
        let by = caller.name().map(str::to_owned);
        let rows = self.context.claims.claim(claim, by, deadline).await.map_err(of_store)?;
        // Where this fails, the same request asked again is answered with the same leases.
        let trials = self.leased(rows).await.map_err(of_store)?;
        Ok(Response::new(v1::ClaimTrialsResponse { trials }))
    }

    type FetchUploadStream = Pieces;

    async fn fetch_upload(
        &self,
        request: Request<v1::FetchUploadRequest>,
    ) -> Answer<Self::FetchUploadStream> {
        let caller = Caller::of(&request);
        uploads::give(&self.context, &caller, request.into_inner()).await.map(Response::new)
    }

    async fn heartbeat(&self, request: Request<v1::HeartbeatRequest>) -> Answer<v1::HeartbeatResponse> {
        let by = Caller::of(&request).name().map(str::to_owned);
        let request = request.into_inner();
        let process = process(&request.worker_id, &request.instance_id)?;
        decode::few("leases", &request.leases, "leases", decode::MAX_LEASES)?;
        decode::few("removed", &request.removed, "trials' checkpoints", MAX_REMOVED)?;
        let beats = request.leases.into_iter().map(decode::beat).collect::<Result<Vec<_>, _>>()?;
        let removed = request.removed.iter().map(decode::stale).collect::<Result<Vec<_>, _>>()?;
        let sign = worker::Sign { process, by };
        let (orders, heard, remove) = self.beat(sign, &beats, &removed).await.map_err(of_store)?;
        orders.iter().for_each(|order| METRICS.lease_answered(*order));
        Ok(Response::new(v1::HeartbeatResponse {
            leases: beats.iter().zip(orders).map(|(beat, order)| encode::lease_reply(beat, order)).collect(),
            next_heartbeat: Some(encode::duration(self.context.heartbeat_interval)),
            draining: heard.is_draining,
            remove: remove.into_iter().map(encode::stale).collect(),
        }))
    }

    async fn report_metrics(
        &self,
        request: Request<v1::ReportMetricsRequest>,
    ) -> Answer<v1::ReportMetricsResponse> {
        let caller = Caller::of(&request);
        let acked_seq = report::report(&self.context, &caller, request.into_inner()).await?;
        Ok(Response::new(v1::ReportMetricsResponse { acked_seq }))
    }

    async fn report_findings(
        &self,
        request: Request<v1::ReportFindingsRequest>,
    ) -> Answer<v1::ReportFindingsResponse> {
        let caller = Caller::of(&request);
        findings::report(&self.context, &caller, request.into_inner()).await.map(Response::new)
    }

    async fn report_checkpoint(
        &self,
        request: Request<v1::ReportCheckpointRequest>,
    ) -> Answer<v1::ReportCheckpointResponse> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let lease = decode::lease(request.lease)?;
        let saved = decode::checkpoint(request.checkpoint)?;
        let keep = async {
            let mut transaction = self.context.store.begin().await?;
            let held = lease::hold(&mut transaction, &lease, caller.name(), self.context.lease_ttl).await?;
            let Some(held) = held else {
                return Err(lease::refusal(&mut transaction, &lease, caller.name()).await);
            };
            checkpoint::keep(&mut transaction, &lease, held, &saved).await?;
            Ok(transaction.commit().await?)
        };
        keep.await.map_err(of_store)?;
        Ok(Response::new(v1::ReportCheckpointResponse {}))
    }

    async fn complete_trial(
        &self,
        request: Request<v1::CompleteTrialRequest>,
    ) -> Answer<v1::CompleteTrialResponse> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let lease = decode::lease(request.lease)?;
        let message = request.result.ok_or_else(|| invalid("result", "is missing"))?;
        let digest = Sha256::digest(message.encode_to_vec()).to_vec();
        let result: TrialResult = decode::wire(message)?;
        decode::possible("result", result.check())?;
        let (outcome, oom_count) = (result.outcome, result.oom_count);
        let by = caller.name().map(str::to_owned);
        let completion = Completion { lease, by, last_seq: request.last_seq, digest, result };
        self.context.completions.complete(completion).await.map_err(of_store)?;
        METRICS.completed(outcome, oom_count);
        self.context.searches.wake();
        Ok(Response::new(v1::CompleteTrialResponse {}))
    }

    async fn fail_trial(&self, request: Request<v1::FailTrialRequest>) -> Answer<v1::FailTrialResponse> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let kind: FailureKind = decode::wire(request.kind())?;
        let lease = decode::lease(request.lease)?;
        let failure = Failure { kind, message: storable(&request.message) };
        let ended = end(&self.context, &caller, &lease, Why::Failed(&failure)).await.map_err(of_store)?;
        let Ended { will_retry, is_sweeps_fault } = ended;
        Ok(Response::new(v1::FailTrialResponse { will_retry, is_sweeps_fault }))
    }

    async fn release_trial(
        &self,
        request: Request<v1::ReleaseTrialRequest>,
    ) -> Answer<v1::ReleaseTrialResponse> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let lease = decode::lease(request.lease)?;
        let reason = storable(&request.reason);
        end(&self.context, &caller, &lease, Why::Released(&reason)).await.map_err(of_store)?;
        Ok(Response::new(v1::ReleaseTrialResponse {}))
    }
}
