//! One leased trial, from its claim to its end.

use std::time::Duration;

use proto::v1::{self, FailureKind, LeaseOrder, trainer_event, trainer_request};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::coordinator::{Coordinator, Retry, is_lease_lost};
use super::findings::{FindingsLink, OtherData};
use super::heartbeat::Heartbeat;
use super::metrics::METRICS;
use super::trainer_process::{Death, Heard, TrainerProcess};
use super::uplink::{Uplink, UplinkError};

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
    /// Fires when the agent is to stop.
    pub shutdown: &'a CancellationToken,
}

/// Everything that may happen to a running attempt.
#[expect(clippy::large_enum_variant, reason = "one value at a time, moved a few times a second at most")]
enum Event {
    Trainer(trainer_event::Kind),
    TrainerGone(Death),
    OtherData(OtherData),
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
        let uplink = Uplink::start(self.coordinator.clone(), lease.clone());
        let mut findings = FindingsLink::start(self.coordinator.clone(), &leased);
        trainer.send(trainer_request::Kind::Learn(v1::Lessons { memory: leased.memory })).await;
        trainer.send(trainer_request::Kind::Train(spec)).await;
        let end = self.follow(trainer, &lease, &uplink, &mut findings).await;
        end.count(&trainer.device().name);
        self.settle(end, &lease, uplink, findings).await;
        self.heartbeat.carry(None);
    }

    /// Passes on what the trainer tells until the attempt ends.
    async fn follow(
        &mut self,
        trainer: &mut TrainerProcess,
        lease: &v1::Lease,
        uplink: &Uplink,
        findings: &mut FindingsLink,
    ) -> End {
        loop {
            let event = tokio::select! {
                heard = trainer.next() => match heard {
                    Heard::Event(event) => Event::Trainer(event),
                    Heard::Gone(death) => Event::TrainerGone(death),
                },
                other = findings.other_data() => Event::OtherData(other),
                order = self.heartbeat.order(lease) => Event::Ordered(order),
                () = self.shutdown.cancelled() => Event::Shutdown,
            };
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
        let farewell = async {
            if matches!(end, End::LeaseLost) {
                uplink.abandon();
                findings.abandon();
                return Err(Settled::LeaseLost);
            }
            // A result that was there before the answer about its data is none if that was another's.
            let end = match (findings.finish().await, end) {
                (Some(other), End::Finished(_)) => End::failed(&other),
                (_, end) => end,
            };
            match end {
                End::LeaseLost => Err(Settled::LeaseLost),
                End::Finished(result) => {
                    let last_seq = uplink.finish().await?;
                    tracing::info!(trial, outcome = result.outcome().as_str_name(), "finished");
                    self.complete(lease, result, last_seq).await
                }
                End::Failed { kind, message } => {
                    tracing::warn!(trial, kind = kind.as_str_name(), "failed: {message}");
                    // What the records cannot tell, the failure still does.
                    if let Err(error) = uplink.finish().await {
                        tracing::warn!(trial, "{error}");
                    }
                    self.fail(lease, kind, message).await
                }
                End::Released { reason } => {
                    uplink.finish().await?;
                    self.release(lease, reason).await
                }
            }
        };
        let settled = tokio::select! {
            settled = farewell => settled,
            // Without an answer in time the lease runs out by itself, and nothing is lost but this attempt.
            () = async { self.shutdown.cancelled().await; tokio::time::sleep(FAREWELL).await } => {
                Err(Settled::Refused("the coordinator did not answer before this worker stopped".to_owned()))
            }
        };
        match settled {
            Ok(()) => {}
            Err(Settled::LeaseLost) => {
                tracing::warn!(trial, attempt = lease.attempt, "the lease is lost; nothing reported");
            }
            Err(Settled::Refused(problem)) => {
                tracing::error!(trial, "the end of the trial was not taken: {problem}");
            }
        }
    }

    async fn complete(
        &self,
        lease: &v1::Lease,
        result: v1::TrialResult,
        last_seq: u64,
    ) -> Result<(), Settled> {
        let request = v1::CompleteTrialRequest { lease: Some(lease.clone()), result: Some(result), last_seq };
        self.report(|mut client| {
            let request = request.clone();
            async move { client.complete_trial(request).await }
        })
        .await
    }

    async fn fail(&self, lease: &v1::Lease, kind: FailureKind, message: String) -> Result<(), Settled> {
        let request = v1::FailTrialRequest { lease: Some(lease.clone()), kind: kind.into(), message };
        self.report(|mut client| {
            let request = request.clone();
            async move { client.fail_trial(request).await }
        })
        .await
    }

    async fn release(&self, lease: &v1::Lease, reason: &str) -> Result<(), Settled> {
        let request = v1::ReleaseTrialRequest { lease: Some(lease.clone()), reason: reason.to_owned() };
        self.report(|mut client| {
            let request = request.clone();
            async move { client.release_trial(request).await }
        })
        .await
    }

    async fn report<T, F, Fut>(&self, call: F) -> Result<(), Settled>
    where
        F: Fn(super::coordinator::Client) -> Fut,
        Fut: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let answer = self.coordinator.call(Retry::UntilAnswered, Duration::from_secs(10), call).await;
        answer.map(|_| ()).map_err(|status| Settled::from(&status))
    }
}

/// Why the end of an attempt was not taken.
enum Settled {
    LeaseLost,
    Refused(String),
}

impl From<&Status> for Settled {
    fn from(status: &Status) -> Self {
        if is_lease_lost(status) || status.code() == Code::NotFound {
            Self::LeaseLost
        } else {
            Self::Refused(status.message().to_owned())
        }
    }
}

impl From<UplinkError> for Settled {
    fn from(error: UplinkError) -> Self {
        match error {
            UplinkError::LeaseLost => Self::LeaseLost,
            UplinkError::Refused(problem) => Self::Refused(problem),
        }
    }
}

/// Has the trainer stop at its next step, still taking in what it tells; kills it when it does not.
async fn stop(trainer: &mut TrainerProcess, uplink: &Uplink, end: End) -> End {
    trainer.send(trainer_request::Kind::Stop(v1::StopTrial {})).await;
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
