//! One leased trial, from its claim to its end.

use std::time::Duration;

use proto::v1::{self, FailureKind, LeaseOrder, SpooledEnd, spooled_end, trainer_event, trainer_request};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::breaker::Went;
use super::checkpoint::Checkpointing;
use super::checkpoint::link::CheckpointLink;
use super::coordinator::{Coordinator, is_lease_lost};
use super::findings::{FindingsLink, OtherData};
use super::hand_in::{self, Settled, Taken};
use super::heartbeat::Heartbeat;
use super::metrics::METRICS;
use super::spool::Spool;
use super::spool::backlog::Backlog;
use super::trainer_process::{Death, Heard, TrainerProcess};
use super::uplink::{Uplink, UplinkError};
use super::uploads::{UploadError, Uploads};
use super::watchdog::Watchdog;

/// How long a trainer that was told to stop may take to reach the end of its step, and to save the trial, before it is
/// killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a stopping agent brings the last checkpoint to the store.
const HAND_OVER: Duration = Duration::from_secs(20);

/// How long a stopping agent tries to hand in what it has.
const FAREWELL: Duration = Duration::from_secs(5);

/// What one attempt works with.
pub struct Attempt<'a> {
    /// Where it reports.
    pub coordinator: &'a Coordinator,
    /// What renews its lease.
    pub heartbeat: &'a mut Heartbeat,
    /// Where what it tells is kept until it is acknowledged.
    pub spool: &'a Spool,
    /// How long its trainer may do no work before it counts as hung.
    pub trainer_timeout: Duration,
    /// How the trial is saved.
    pub checkpointing: &'a Checkpointing,
    /// Where the files are that were sent along with its sweep.
    pub uploads: &'a Uploads,
    /// Changes when the trial is to be saved now.
    pub save: &'a mut watch::Receiver<()>,
    /// Fires when the agent is to stop.
    pub shutdown: &'a CancellationToken,
}

/// What takes in what the trainer tells.
struct Links {
    uplink: Uplink,
    findings: FindingsLink,
    checkpoints: CheckpointLink,
}

impl Links {
    /// Passes on what needs no decision, and gives the rest back.
    async fn pass_on(&self, event: trainer_event::Kind) -> Option<trainer_event::Kind> {
        match event {
            trainer_event::Kind::Records(records) => {
                METRICS.records_came(&records.records);
                self.uplink.send(records.records).await;
            }
            trainer_event::Kind::Resumed(_) => {
                self.uplink.send(self.checkpoints.resumed().into_iter().collect()).await;
            }
            trainer_event::Kind::Saved(saved) => self.checkpoints.saved(saved, self.uplink.last_seq()),
            trainer_event::Kind::Found(found) => self.findings.send(found),
            other => return Some(other),
        }
        None
    }
}

/// Everything that may happen to a running attempt.
#[expect(clippy::large_enum_variant, reason = "one value at a time, moved a few times a second at most")]
enum Event {
    Trainer(trainer_event::Kind),
    TrainerGone(Death),
    OtherData(OtherData),
    Hung,
    Trouble(UplinkError),
    Ordered(LeaseOrder),
    Save,
    Shutdown,
}

/// How an attempt ended, as far as the worker can say.
#[expect(clippy::large_enum_variant, reason = "one value at a time, moved a few times a second at most")]
enum End {
    Finished(v1::TrialResult),
    Failed { kind: FailureKind, message: String },
    Released { reason: &'static str },
    LeaseLost,
}

impl End {
    fn failed(other: &OtherData) -> Self {
        Self::Failed { kind: FailureKind::Files, message: other.to_string() }
    }

    /// Counts it for monitors, and notes it in the trace.
    fn count(&self, device: &str) {
        let kind = match self {
            Self::Finished(result) => {
                METRICS.trained(device, result);
                match result.outcome() {
                    v1::Outcome::Diverged => "diverged",
                    v1::Outcome::Infeasible => "infeasible",
                    _ => "succeeded",
                }
            }
            Self::Failed { .. } => "failed",
            Self::Released { .. } => "released",
            Self::LeaseLost => "lost",
        };
        METRICS.attempt_ended(device, kind);
        let span = Span::current();
        span.record("outcome", kind);
        if let Self::Failed { message, .. } = self {
            span.record("otel.status_code", "ERROR").record("otel.status_description", message.as_str());
        }
    }

    /// What it says about the worker.
    fn went(&self) -> Went {
        match self {
            Self::Finished(_) => Went::Well,
            Self::Failed { kind, .. } => Went::of_failure(*kind),
            Self::Released { .. } | Self::LeaseLost => Went::Neither,
        }
    }

    /// What the coordinator's answer to a heartbeat makes of an attempt, whether it trains yet or not.
    fn of_order(order: LeaseOrder) -> Self {
        match order {
            LeaseOrder::Stop => Self::Released { reason: CANCELLED },
            LeaseOrder::HandOver => Self::Released { reason: OUT_OF_SERVICE },
            _ => Self::LeaseLost,
        }
    }

    fn of_upload(error: &UploadError) -> Self {
        let kind = match error {
            UploadError::Refused(status) if is_lease_lost(status) => return Self::LeaseLost,
            // Another worker may have room.
            UploadError::Disk { .. } => FailureKind::Trainer,
            UploadError::Refused(_) | UploadError::Damaged { .. } => FailureKind::Files,
            UploadError::Unreadable(_) => FailureKind::Input,
        };
        Self::Failed { kind, message: error.to_string() }
    }

    fn of_trouble(trouble: &UplinkError) -> Self {
        let kind = match trouble {
            UplinkError::LeaseLost => return Self::LeaseLost,
            UplinkError::Full(_) => FailureKind::SpoolFull,
            UplinkError::Refused(_) | UplinkError::Unreadable(_) => FailureKind::Trainer,
        };
        Self::Failed { kind, message: trouble.to_string() }
    }

    /// As it is written down and told; `None` where there is nobody to tell.
    fn spooled(self) -> Option<SpooledEnd> {
        let kind = match self {
            Self::Finished(result) => spooled_end::Kind::Finished(result),
            Self::Failed { kind, message } => {
                spooled_end::Kind::Failed(v1::SpooledFailure { kind: kind.into(), message })
            }
            Self::Released { reason } => spooled_end::Kind::Released(reason.to_owned()),
            Self::LeaseLost => return None,
        };
        Some(SpooledEnd { kind: Some(kind) })
    }
}

impl Attempt<'_> {
    /// Trains the trial and reports how it ended. Whatever happens to it is told to the coordinator or, where the lease
    /// is lost, is no longer ours to tell; nothing is left for the caller but a trainer that may be gone, and what this
    /// says about the worker.
    pub async fn run(self, trainer: &mut TrainerProcess, leased: v1::LeasedTrial) -> Went {
        let (Some(lease), Some(spec)) = (leased.lease.clone(), leased.spec.clone()) else {
            tracing::error!("the coordinator sent a trial without lease or spec; ignoring it");
            return Went::Neither;
        };
        let span = tracing::info_span!(
            target: telemetry::TRACE, "attempt", sweep_id = leased.sweep_id, trial_id = lease.trial_id,
            trial_index = leased.trial_index, attempt = lease.attempt, device = trainer.device().name,
            outcome = Empty, otel.status_code = Empty, otel.status_description = Empty
        );
        self.work(trainer, leased, lease, spec).instrument(span).await
    }

    async fn work(
        mut self,
        trainer: &mut TrainerProcess,
        leased: v1::LeasedTrial,
        lease: v1::Lease,
        mut spec: v1::TrialSpec,
    ) -> Went {
        let trial = lease.trial_id.clone();
        tracing::info!(trial, attempt = lease.attempt, index = leased.trial_index, "training");
        self.heartbeat.carry(Some(lease.clone()));
        // A wish from before this trial was not about it.
        self.save.mark_unchanged();
        let uplink =
            Uplink::start(self.coordinator.clone(), lease.clone(), Backlog::new(self.spool.file(&lease)));
        let checkpoints =
            CheckpointLink::start(self.checkpointing, self.coordinator.clone(), &leased, uplink.stored());
        let findings = FindingsLink::start(self.coordinator.clone(), &leased);
        let mut links = Links { uplink, findings, checkpoints };
        let lessons = v1::Lessons {
            memory: leased.memory,
            micro_batch_cap: leased.micro_batch_cap,
            micro_batch_cap_reason: leased.micro_batch_cap_reason,
        };
        let preparing = tracing::info_span!(target: telemetry::TRACE, "prepare");
        let end = match self.prepare(&lease, &mut spec, &mut links).instrument(preparing).await {
            Ok(checkpointing) => {
                trainer.send(trainer_request::Kind::Learn(lessons)).await;
                trainer.send(trainer_request::Kind::Checkpointing(checkpointing)).await;
                trainer.send(trainer_request::Kind::Train(spec)).await;
                let training = tracing::info_span!(target: telemetry::TRACE, "train");
                self.follow(trainer, &lease, &mut links).instrument(training).await
            }
            Err(end) => end,
        };
        end.count(&trainer.device().name);
        let went = end.went();
        let Links { uplink, findings, mut checkpoints } = links;
        match end {
            End::Released { .. } | End::Failed { .. } => tokio::select! {
                () = checkpoints.finish() => {}
                () = async { self.shutdown.cancelled().await; tokio::time::sleep(HAND_OVER).await } => {
                    checkpoints.abandon();
                }
            },
            End::Finished(_) | End::LeaseLost => checkpoints.abandon(),
        }
        let has_result = matches!(end, End::Finished(_));
        let settling = tracing::info_span!(target: telemetry::TRACE, "hand in");
        let taken = self.settle(end, &lease, uplink, findings).instrument(settling).await;
        if has_result && taken.is_some() {
            checkpoints.clear().await;
        }
        self.heartbeat.carry(None);
        if taken.is_some_and(|taken| taken.is_sweeps_fault) { Went::Neither } else { went }
    }

    /// Brings what the trainer is to read: the checkpoint to go on from, and the files that were sent along.
    async fn prepare(
        &mut self,
        lease: &v1::Lease,
        spec: &mut v1::TrialSpec,
        links: &mut Links,
    ) -> Result<v1::Checkpointing, End> {
        let (coordinator, uploads) = (self.coordinator, self.uploads);
        let bring = async {
            uploads.bring(coordinator, lease, spec).await?;
            Ok(links.checkpoints.fetch().await)
        };
        let brought = tokio::select! {
            brought = bring => brought,
            order = self.heartbeat.order(lease) => return Err(End::of_order(order)),
            () = self.shutdown.cancelled() => return Err(End::Released { reason: STOPPING }),
        };
        let (checkpointing, problem) = brought.map_err(|error| End::of_upload(&error))?;
        links.uplink.send(problem.into_iter().collect()).await;
        Ok(checkpointing)
    }

    /// Passes on what the trainer tells until the attempt ends.
    async fn follow(&mut self, trainer: &mut TrainerProcess, lease: &v1::Lease, links: &mut Links) -> End {
        let mut watchdog = Watchdog::new(self.trainer_timeout);
        loop {
            let event = tokio::select! {
                heard = trainer.next() => match heard {
                    Heard::Event(event) => Event::Trainer(event),
                    Heard::Gone(death) => Event::TrainerGone(death),
                },
                () = watchdog.silence() => Event::Hung,
                trouble = links.uplink.trouble() => Event::Trouble(trouble),
                other = links.findings.other_data() => Event::OtherData(other),
                order = self.heartbeat.order(lease) => Event::Ordered(order),
                () = wished(self.save) => Event::Save,
                () = self.shutdown.cancelled() => Event::Shutdown,
            };
            let event = match event {
                Event::Trainer(event) => {
                    watchdog.heard();
                    let Some(event) = links.pass_on(event).await else { continue };
                    Event::Trainer(event)
                }
                other => other,
            };
            match event {
                Event::Trainer(trainer_event::Kind::Progress(progress)) => self.heartbeat.tell(progress),
                Event::Trainer(trainer_event::Kind::Finished(result)) => return End::Finished(result),
                Event::Trainer(trainer_event::Kind::Problem(problem)) => {
                    if problem.fatal {
                        trainer.kill().await;
                    }
                    return End::Failed { kind: problem.kind(), message: problem.message };
                }
                // A stop that nobody here asked for any more, or an answer to another question.
                Event::Trainer(_) => {}
                Event::TrainerGone(Death { kind, message }) => return End::Failed { kind, message },
                Event::Hung => {
                    trainer.kill().await;
                    return End::Failed { kind: FailureKind::Hung, message: watchdog.message() };
                }
                Event::Trouble(trouble) => return stop(trainer, links, End::of_trouble(&trouble)).await,
                Event::OtherData(other) => return stop(trainer, links, End::failed(&other)).await,
                Event::Ordered(order) => return stop(trainer, links, End::of_order(order)).await,
                Event::Save => trainer.send(trainer_request::Kind::Save(v1::SaveTrial {})).await,
                Event::Shutdown => return stop(trainer, links, End::Released { reason: STOPPING }).await,
            }
        }
    }

    /// Hands in the records and then the end of the attempt; what was said to it, if it was taken.
    async fn settle(
        &self,
        end: End,
        lease: &v1::Lease,
        uplink: Uplink,
        findings: FindingsLink,
    ) -> Option<Taken> {
        let trial = &lease.trial_id;
        if matches!(end, End::LeaseLost) {
            findings.abandon();
            uplink.abandon();
            tracing::warn!(trial, attempt = lease.attempt, "the lease is lost; nothing more is reported");
            return None;
        }
        let spooled = uplink.spooled();
        let farewell = async {
            // A result that was there before the answer about its data is none if that was another's: it is written down
            // only after.
            let end = match (findings.finish().await, end) {
                (Some(other), End::Finished(_)) => End::failed(&other),
                (_, end) => end,
            };
            match &end {
                End::Finished(result) => {
                    tracing::info!(trial, outcome = result.outcome().as_str_name(), "finished");
                }
                End::Failed { kind, message } => {
                    tracing::warn!(trial, kind = kind.as_str_name(), "failed: {message}");
                }
                End::Released { .. } | End::LeaseLost => {}
            }
            let is_failure = matches!(end, End::Failed { .. });
            let Some(end) = end.spooled() else { return Err(Settled::LeaseLost) };
            let last_seq = match uplink.finish(Some(end.clone())).await {
                Ok(last_seq) => last_seq,
                // What the records cannot tell, the failure still does.
                Err(error) if is_failure => {
                    tracing::warn!(trial, "{error}");
                    0
                }
                Err(error) => return Err(error.into()),
            };
            hand_in::end(self.coordinator, lease, end, last_seq).await
        };
        let settled = tokio::select! {
            settled = farewell => settled,
            // Without an answer in time what waits stays in the spool.
            () = async { self.shutdown.cancelled().await; tokio::time::sleep(FAREWELL).await } => {
                Err(Settled::Unanswered)
            }
        };
        let taken = settled.as_ref().ok().copied();
        hand_in::conclude(settled, lease, &spooled);
        taken
    }
}

/// Why attempts are given back.
const CANCELLED: &str = "the sweep was cancelled";
const STOPPING: &str = "the worker is stopping";
const OUT_OF_SERVICE: &str = "the worker was taken out of service";

/// Waits until the trial is to be saved; for ever, where nobody can wish that any more.
async fn wished(save: &mut watch::Receiver<()>) {
    if save.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Has the trainer stop at its next step, still taking in what it tells; kills it when it does not. Where somebody else is
/// to go on with the trial, it is saved first.
async fn stop(trainer: &mut TrainerProcess, links: &Links, end: End) -> End {
    let save = matches!(end, End::Released { reason: STOPPING | OUT_OF_SERVICE });
    trainer.send(trainer_request::Kind::Stop(v1::StopTrial { save })).await;
    let stopped = async {
        loop {
            let event = match trainer.next().await {
                Heard::Event(event) => event,
                Heard::Gone(_) => return None,
            };
            match links.pass_on(event).await {
                // It was done before it heard: a result is worth more than a release, if it is still ours to give.
                Some(trainer_event::Kind::Finished(result)) => return Some(result),
                Some(trainer_event::Kind::Stopped(_) | trainer_event::Kind::Problem(_)) => return None,
                _ => {}
            }
        }
    };
    match tokio::time::timeout(STOP_TIMEOUT, stopped).await {
        Ok(Some(result)) if matches!(end, End::Released { .. }) => End::Finished(result),
        Ok(_) => end,
        Err(_) => {
            trainer.kill().await;
            end
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_drained_gives_its_trial_back_and_one_whose_lease_is_lost_says_nothing() {
        let reason = |order| match End::of_order(order) {
            End::Released { reason } => Some(reason),
            _ => None,
        };
        assert_eq!(reason(LeaseOrder::HandOver), Some(OUT_OF_SERVICE));
        assert_eq!(reason(LeaseOrder::Stop), Some(CANCELLED));
        assert_eq!(reason(LeaseOrder::Lost), None);
    }
}
