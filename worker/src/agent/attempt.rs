//! One leased trial, from its claim to its end.

use std::time::Duration;

use proto::v1::{self, FailureKind, LeaseOrder, SpooledEnd, spooled_end, trainer_event, trainer_request};
use tokio_util::sync::CancellationToken;

use super::coordinator::Coordinator;
use super::findings::{FindingsLink, OtherData};
use super::hand_in::{self, Settled};
use super::heartbeat::Heartbeat;
use super::metrics::METRICS;
use super::spool::Spool;
use super::spool::backlog::Backlog;
use super::trainer_process::{Death, Heard, TrainerProcess};
use super::uplink::{Uplink, UplinkError};
use super::watchdog::Watchdog;

/// How long a trainer that was told to stop may take to reach the end of its step before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

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
    /// Fires when the agent is to stop.
    pub shutdown: &'a CancellationToken,
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
        Self::Failed { kind: FailureKind::Input, message: other.to_string() }
    }

    /// Counts it for monitors.
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
    /// is lost, is no longer ours to tell; nothing is left for the caller but a trainer that may be gone.
    pub async fn run(mut self, trainer: &mut TrainerProcess, leased: v1::LeasedTrial) {
        let (Some(lease), Some(spec)) = (leased.lease.clone(), leased.spec.clone()) else {
            tracing::error!("the coordinator sent a trial without lease or spec; ignoring it");
            return;
        };
        let trial = lease.trial_id.clone();
        tracing::info!(trial, attempt = lease.attempt, index = leased.trial_index, "training");
        self.heartbeat.carry(Some(lease.clone()));
        let backlog = Backlog::new(self.spool.file(&lease));
        let mut uplink = Uplink::start(self.coordinator.clone(), lease.clone(), backlog);
        let mut findings = FindingsLink::start(self.coordinator.clone(), &leased);
        let lessons = v1::Lessons {
            memory: leased.memory,
            micro_batch_cap: leased.micro_batch_cap,
            micro_batch_cap_reason: leased.micro_batch_cap_reason,
        };
        trainer.send(trainer_request::Kind::Learn(lessons)).await;
        trainer.send(trainer_request::Kind::Train(spec)).await;
        let end = self.follow(trainer, &lease, &mut uplink, &mut findings).await;
        end.count(&trainer.device().name);
        self.settle(end, &lease, uplink, findings).await;
        self.heartbeat.carry(None);
    }

    /// Passes on what the trainer tells until the attempt ends.
    async fn follow(
        &mut self,
        trainer: &mut TrainerProcess,
        lease: &v1::Lease,
        uplink: &mut Uplink,
        findings: &mut FindingsLink,
    ) -> End {
        let mut watchdog = Watchdog::new(self.trainer_timeout);
        loop {
            let event = tokio::select! {
                heard = trainer.next() => match heard {
                    Heard::Event(event) => Event::Trainer(event),
                    Heard::Gone(death) => Event::TrainerGone(death),
                },
                () = watchdog.silence() => Event::Hung,
                trouble = uplink.trouble() => Event::Trouble(trouble),
                other = findings.other_data() => Event::OtherData(other),
                order = self.heartbeat.order(lease) => Event::Ordered(order),
                () = self.shutdown.cancelled() => Event::Shutdown,
            };
            if matches!(event, Event::Trainer(_)) {
                watchdog.heard();
            }
            match event {
                Event::Trainer(trainer_event::Kind::Records(records)) => {
                    METRICS.records_came(&records.records);
                    uplink.send(records.records).await;
                }
                Event::Trainer(trainer_event::Kind::Progress(progress)) => self.heartbeat.tell(progress),
                Event::Trainer(trainer_event::Kind::Found(found)) => findings.send(found),
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
                Event::Trouble(trouble) => return stop(trainer, uplink, End::of_trouble(&trouble)).await,
                Event::OtherData(other) => {
                    return stop(trainer, uplink, End::failed(&other)).await;
                }
                Event::Ordered(LeaseOrder::Stop) => {
                    return stop(trainer, uplink, End::Released { reason: "the sweep was cancelled" }).await;
                }
                Event::Ordered(_) => return stop(trainer, uplink, End::LeaseLost).await,
                Event::Shutdown => {
                    return stop(trainer, uplink, End::Released { reason: "the worker is stopping" }).await;
                }
            }
        }
    }

    /// Hands in the records and then the end of the attempt.
    async fn settle(&self, end: End, lease: &v1::Lease, uplink: Uplink, findings: FindingsLink) {
        let trial = &lease.trial_id;
        if matches!(end, End::LeaseLost) {
            findings.abandon();
            uplink.abandon();
            tracing::warn!(trial, attempt = lease.attempt, "the lease is lost; nothing more is reported");
            return;
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
        hand_in::conclude(settled, lease, &spooled);
    }
}

/// Has the trainer stop at its next step, still taking in what it tells; kills it when it does not.
async fn stop(trainer: &mut TrainerProcess, uplink: &Uplink, end: End) -> End {
    trainer.send(trainer_request::Kind::Stop(v1::StopTrial { save: false })).await;
    let stopped = async {
        loop {
            match trainer.next().await {
                Heard::Event(trainer_event::Kind::Records(records)) => uplink.send(records.records).await,
                // It was done before it heard: a result is worth more than a release, if it is still ours to give.
                Heard::Event(trainer_event::Kind::Finished(result)) => return Some(result),
                Heard::Event(trainer_event::Kind::Stopped(_) | trainer_event::Kind::Problem(_))
                | Heard::Gone(_) => {
                    return None;
                }
                Heard::Event(_) => {}
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
