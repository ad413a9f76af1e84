//! `WorkerService`: for workers. A call that comes twice (its reply was lost) changes nothing twice.

use std::time::Duration;

use prost::Message;
use proto::v1::{self, worker_service_server::WorkerService};
use proto::{MAX_RECORDS, PROTOCOL_VERSION, Reason, from_wire};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::status::{invalid, of_store, of_wire};
use super::uploads::{self, Pieces};
use super::{Context, decode, encode, findings, lessons, specs};
use crate::access::Caller;
use crate::metrics::METRICS;
use crate::store::claim::ClaimRequest;
use crate::store::completion::Completion;
use crate::store::ending::{self, FailureKind, Why};
use crate::store::lease::{self, LeaseKey};
use crate::store::record::storable;
use crate::store::result::ResultRow;
use crate::store::worker::{self, NewWorker};
use crate::store::{self, bigint, breaker, checkpoint, record};

/// Trials in one claim at most.
const MAX_TRIALS: u32 = 256;

/// Leases that a worker may show when it registers, and trials whose checkpoints it may tell as removed at once.
const MAX_HELD: usize = 1_000;

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
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl WorkerService for Workers {
    async fn register_worker(
        &self,
        request: Request<v1::RegisterWorkerRequest>,
    ) -> Answer<v1::RegisterWorkerResponse> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        if request.protocol_version != PROTOCOL_VERSION {
            return Err(Reason::ProtocolMismatch.status(format!(
                "worker {} speaks protocol {}, this coordinator (version {}) speaks {PROTOCOL_VERSION}; run the same \
                 version of both",
                request.version,
                request.protocol_version,
                env!("CARGO_PKG_VERSION"),
            )));
        }
        let registered = register(&self.context, &caller, &request).await?;
        Ok(Response::new(v1::RegisterWorkerResponse {
            worker_id: registered.worker_id.to_string(),
            held: registered.held.into_iter().map(encode::held_state).collect(),
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
            worker_id: decode::id("worker_id", &request.worker_id)?,
            instance_id: decode::id("instance_id", &request.instance_id)?,
            request_id: decode::id("request_id", &request.request_id)?,
            max_trials: request.max_trials,
        };
        let wait = request.wait.and_then(|wait| Duration::try_from(wait).ok()).unwrap_or_default();
        let deadline = arrived + wait.min(MAX_WAIT);
        let by = caller.name().map(str::to_owned);
        let rows = self.context.claims.claim(claim, by, deadline).await.map_err(of_store)?;
        // Where this fails, the same request asked again is answered with the same leases.
        let specs = self.context.specs.of(&self.context.store, &rows).await.map_err(of_store)?;
        let leased = rows.iter().map(|row| encode::leased_trial(row, specs::shared(&specs, row)?));
        let mut trials = leased.collect::<store::Result<Vec<_>>>().map_err(of_store)?;
        lessons::add(&self.context, &rows, &specs, &mut trials).await;
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
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let worker_id = decode::id("worker_id", &request.worker_id)?;
        let instance_id = decode::id("instance_id", &request.instance_id)?;
        let beats = request.leases.iter().map(decode::beat).collect::<Result<Vec<_>, _>>()?;
        if request.removed.len() > MAX_HELD {
            let told = request.removed.len();
            return Err(invalid(
                "removed",
                &format!("are checkpoints of {told} trials; tell at most {MAX_HELD}"),
            ));
        }
        let removed = request.removed.iter().map(decode::stale).collect::<Result<Vec<_>, _>>()?;
        let renew = async {
            let mut transaction = self.context.store.begin_vital().await?;
            let sign = worker::Sign { worker_id, instance_id, by: caller.name().map(str::to_owned) };
            let seen = worker::seen(&mut transaction, &[sign], self.context.lease_ttl).await?;
            let heard = seen.into_iter().next().transpose()?.unwrap_or_default();
            let orders =
                lease::renew(&mut transaction, &beats, caller.name(), self.context.lease_ttl).await?;
            checkpoint::note_removals(&mut transaction, worker_id, &removed).await?;
            let remove = match heard.cleans {
                true => checkpoint::removals(&mut transaction, worker_id).await?,
                false => Vec::new(),
            };
            transaction.commit().await?;
            Ok((orders, heard.is_draining, remove))
        };
        let (orders, draining, remove) = renew.await.map_err(of_store)?;
        orders.iter().for_each(|order| METRICS.lease_told(*order));
        Ok(Response::new(v1::HeartbeatResponse {
            leases: beats.iter().zip(orders).map(|(beat, order)| encode::lease_reply(beat, order)).collect(),
            next_heartbeat: Some(encode::duration(self.context.heartbeat_interval)),
            draining,
            remove: remove.into_iter().map(encode::stale).collect(),
        }))
    }

    async fn report_metrics(
        &self,
        request: Request<v1::ReportMetricsRequest>,
    ) -> Answer<v1::ReportMetricsResponse> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let key = decode::lease(request.lease.as_ref())?;
        if request.first_seq == 0 {
            return Err(invalid("first_seq", "is 0; records count from 1"));
        }
        if request.records.len() > MAX_RECORDS {
            let message =
                format!("{} records in one call; send at most {MAX_RECORDS}", request.records.len());
            return Err(Reason::LimitExceeded.status(message));
        }
        self.context.rates.rows(&caller, request.records.len())?;
        let acked_seq = report(&self.context, &caller, &key, &request).await.map_err(of_store)?;
        Ok(Response::new(v1::ReportMetricsResponse { acked_seq: store::count(acked_seq) }))
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
        let key = decode::lease(request.lease.as_ref())?;
        let saved = decode::checkpoint(request.checkpoint)?;
        let keep = async {
            let mut transaction = self.context.store.begin().await?;
            let Some(held) =
                lease::hold(&mut transaction, &key, caller.name(), self.context.lease_ttl).await?
            else {
                return Err(lease::refusal(&mut transaction, &key, caller.name()).await);
            };
            checkpoint::keep(&mut transaction, &key, held, &saved).await?;
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
        let key = decode::lease(request.lease.as_ref())?;
        let result = request.result.ok_or_else(|| invalid("result", "is missing"))?;
        let outcome = from_wire::outcome(result.outcome()).map_err(|error| of_wire(&error))?;
        let oom_count = result.oom_count;
        let completion = Completion {
            key,
            by: caller.name().map(str::to_owned),
            outcome,
            last_seq: bigint("last_seq", request.last_seq).map_err(of_store)?,
            digest: Sha256::digest(result.encode_to_vec()).to_vec(),
            result: ResultRow::of(&result).map_err(of_store)?,
        };
        self.context.completions.complete(completion).await.map_err(of_store)?;
        METRICS.completed(outcome, oom_count);
        Ok(Response::new(v1::CompleteTrialResponse {}))
    }

    async fn fail_trial(&self, request: Request<v1::FailTrialRequest>) -> Answer<v1::FailTrialResponse> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let key = decode::lease(request.lease.as_ref())?;
        let kind = decode::failure_kind(request.kind())?;
        let message = storable(&request.message);
        let ended =
            end(&self.context, &caller, &key, &Why::Failed(kind, &message)).await.map_err(of_store)?;
        let EndedBy { will_retry, is_sweeps_fault } = ended;
        Ok(Response::new(v1::FailTrialResponse { will_retry, is_sweeps_fault }))
    }

    async fn release_trial(
        &self,
        request: Request<v1::ReleaseTrialRequest>,
    ) -> Answer<v1::ReleaseTrialResponse> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let key = decode::lease(request.lease.as_ref())?;
        let reason = storable(&request.reason);
        end(&self.context, &caller, &key, &Why::Released(&reason)).await.map_err(of_store)?;
        Ok(Response::new(v1::ReleaseTrialResponse {}))
    }
}

async fn register(
    context: &Context,
    caller: &Caller,
    request: &v1::RegisterWorkerRequest,
) -> Result<worker::Registered, Status> {
    if request.held.len() > MAX_HELD {
        return Err(invalid("held", &format!("are {} leases; show at most {MAX_HELD}", request.held.len())));
    }
    let held = request.held.iter().map(|lease| decode::lease(Some(lease))).collect::<Result<Vec<_>, _>>()?;
    let device = request.device.as_ref().ok_or_else(|| invalid("device", "is missing"))?;
    let memory_limit_bytes =
        device.memory_limit_bytes.map(|bytes| bigint("device.memory_limit_bytes", bytes)).transpose();
    let texts = [&request.version, &device.name, &device.description, &device.libtorch_version];
    let [version, device_name, device_description, libtorch_version] = texts.map(|text| storable(text));
    let new = NewWorker {
        name: decode::worker_name(&request.name)?,
        instance_id: decode::id("instance_id", &request.instance_id)?,
        version: &version,
        device: &device_name,
        device_description: &device_description,
        memory_bytes: bigint("device.memory_bytes", device.memory_bytes).map_err(of_store)?,
        memory_limit_bytes: memory_limit_bytes.map_err(of_store)?,
        libtorch_version: &libtorch_version,
        threads: i32::try_from(device.threads).unwrap_or(i32::MAX),
        principal: caller.name(),
        held: &held,
    };
    let stored = async {
        let mut transaction = context.store.begin_vital().await?;
        let registered = worker::register(&mut transaction, &new, context.lease_ttl).await?;
        transaction.commit().await?;
        Ok(registered)
    };
    let registered = stored.await.map_err(of_store)?;
    tracing::info!(
        worker_id = %registered.worker_id,
        superseded = registered.superseded.len(),
        "worker {} on {} {}",
        new.name,
        new.device,
        new.device_description
    );
    context.claims.wake();
    Ok(registered)
}

async fn report(
    context: &Context,
    caller: &Caller,
    key: &LeaseKey,
    request: &v1::ReportMetricsRequest,
) -> store::Result<i64> {
    let first_seq = bigint("first_seq", request.first_seq)?;
    if let Some(acked_seq) = report_ahead(context, caller, key, first_seq, &request.records).await? {
        return Ok(acked_seq);
    }
    let mut transaction = context.store.begin().await?;
    record::take_turn(&mut transaction, key.trial_id).await?;
    let Some(held) = lease::hold(&mut transaction, key, caller.name(), context.lease_ttl).await? else {
        // A worker that restarted may replay what its completed attempt had stored before.
        let last_seq = first_seq.saturating_add(i64::try_from(request.records.len()).unwrap_or(i64::MAX)) - 1;
        return match lease::ended(&mut transaction, key, caller.name()).await? {
            Some(attempt) if attempt.digest.is_some() && attempt.acked_seq >= last_seq => {
                Ok(attempt.acked_seq)
            }
            _ => Err(lease::refusal(&mut transaction, key, caller.name()).await),
        };
    };
    let before = held.acked_seq;
    let acked_seq = record::append(&mut transaction, key, held, first_seq, &request.records).await?;
    transaction.commit().await?;
    METRICS.records.inc_by(u64::try_from(acked_seq - before).unwrap_or(0));
    Ok(acked_seq)
}

/// Stores records while the lease stays free for heartbeats; `None`, and nothing done, where that does not do.
async fn report_ahead(
    context: &Context,
    caller: &Caller,
    key: &LeaseKey,
    first_seq: i64,
    records: &[v1::Record],
) -> store::Result<Option<i64>> {
    let mut transaction = context.store.begin().await?;
    let appended = record::append_ahead(&mut transaction, key, caller.name(), first_seq, records).await?;
    let Some((before, acked_seq)) = appended else { return Ok(None) };
    transaction.commit().await?;
    METRICS.records.inc_by(u64::try_from(acked_seq - before.acked_seq).unwrap_or(0));
    Ok(Some(acked_seq))
}

/// Pauses a sweep in which attempt after attempt fails. The attempt has ended whether this succeeds or not, so where it does
/// not, the next failure tries again.
async fn set_aside(context: &Context, sweep_id: Uuid, error: &str) {
    let open = async {
        let mut transaction = context.store.begin().await?;
        breaker::open(&mut transaction, sweep_id, error).await?;
        transaction.commit().await?;
        store::Result::Ok(())
    };
    if let Err(error) = open.await {
        tracing::warn!(%sweep_id, "not paused, though attempt after attempt fails: {error}");
    }
}

/// How an attempt that ended without a result ended.
struct EndedBy {
    will_retry: bool,
    is_sweeps_fault: bool,
}

/// Ends an attempt without a result, or finds that it has ended that way before.
async fn end(context: &Context, caller: &Caller, key: &LeaseKey, why: &Why<'_>) -> store::Result<EndedBy> {
    let mut transaction = context.store.begin().await?;
    if lease::hold(&mut transaction, key, caller.name(), context.lease_ttl).await?.is_none() {
        let same = |outcome: &str| match why {
            Why::Released(_) => matches!(outcome, "released" | "cancelled"),
            Why::Failed(..) | Why::WorkerLost(_) => outcome == "failed",
        };
        return match lease::ended(&mut transaction, key, caller.name()).await? {
            Some(attempt) if attempt.outcome.as_deref().is_some_and(same) && !attempt.is_lost() => {
                let will_retry = attempt.will_retry.unwrap_or(false);
                Ok(EndedBy { will_retry, is_sweeps_fault: false })
            }
            _ => Err(lease::refusal(&mut transaction, key, caller.name()).await),
        };
    }
    let ended = ending::without_result(&mut transaction, &[key.trial_id], why).await?;
    let noted = match why {
        // Refused for its own settings, a trial says nothing of the others.
        Why::Failed(kind, _) if *kind != FailureKind::Input => {
            Some(breaker::note_failure(&mut transaction, key.trial_id).await?)
        }
        _ => None,
    };
    transaction.commit().await?;
    if let (Some(sweep_id), Why::Failed(_, error)) = (noted.and_then(|noted| noted.suspect), why) {
        set_aside(context, sweep_id, error).await;
    }
    METRICS.attempt_ended(if matches!(why, Why::Released(_)) { "released" } else { "failed" });
    context.claims.wake();
    let will_retry = ended.iter().any(|ended| ended.status == domain::lifecycle::TrialStatus::Pending);
    Ok(EndedBy { will_retry, is_sweeps_fault: noted.is_some_and(|noted| noted.is_sweeps_fault) })
}
