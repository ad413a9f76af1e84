//! One leased trial, from its claim to its end.

use std::time::Duration;

use proto::v1::{self, FailureKind, LeaseOrder, trainer_event, trainer_request};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use tracing::field::Empty;

use super::breaker::Went;
use super::checkpoint::Checkpointing;
use super::checkpoint::link::CheckpointLink;
use super::coordinator::Coordinator;
use super::end::{End, Release};
use super::findings::{FindingsLink, OtherData};
use super::hand_in::{self, Settled, Taken};
use super::heartbeat::Heartbeat;
use super::metrics::METRICS;
use super::spool::Spool;
use super::spool::backlog::Backlog;
use super::trainer_process::{Death, Heard, TrainerProcess};
use super::uplink::{Uplink, UplinkError};
use super::uploads::Uploads;
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

impl Attempt<'_> {
    /// Trains the trial and reports how it ended. Whatever happens to it is reported to the coordinator or, where the lease
    /// is lost, no longer ours to report; nothing is left for the caller but a trainer that may be gone, and what this
    /// says about the worker.
    pub async fn run(self, trainer: &mut TrainerProcess, leased: v1::LeasedTrial) -> Went {
        let (Some(lease), Some(_)) = (leased.lease.clone(), &leased.spec) else {
            tracing::error!("the coordinator sent a trial without lease or spec; ignoring it");
            return Went::Neither;
        };
        let span = tracing::info_span!(
            target: telemetry::TRACE, "attempt", sweep_id = leased.sweep_id, trial_id = lease.trial_id,
            trial_index = leased.trial_index, attempt = lease.attempt, device = trainer.device().name,
            outcome = Empty, otel.status_code = Empty, otel.status_description = Empty
        );
        self.work(trainer, leased, lease).instrument(span).await
    }

    async fn work(mut self, trainer: &mut TrainerProcess, leased: v1::LeasedTrial, lease: v1::Lease) -> Went {
        tracing::info!(
            trial = lease.trial_id,
            attempt = lease.attempt,
            index = leased.trial_index,
            "training"
        );
        self.heartbeat.carry(Some(lease.clone()));
        // A wish from before this trial was not about it.
        self.save.mark_unchanged();
        let mut links = self.links(&leased, &lease);
        let preparing = tracing::info_span!(target: telemetry::TRACE, "prepare");
        let end = match self.prepare(&lease, leased, &mut links).instrument(preparing).await {
            Ok(trial) => {
                trainer.send(trainer_request::Kind::Train(trial)).await;
                let training = tracing::info_span!(target: telemetry::TRACE, "train");
                self.follow(trainer, &lease, &mut links).instrument(training).await
            }
            Err(end) => end,
        };
        end.count(&trainer.device().name);
        let went = end.went();
        let Links { uplink, findings, mut checkpoints } = links;
        self.bring_last_checkpoint(&end, &mut checkpoints).await;
        let has_result = matches!(end, End::Finished(_));
        let settling = tracing::info_span!(target: telemetry::TRACE, "hand in");
        let taken = self.settle(end, &lease, uplink, findings).instrument(settling).await;
        if has_result && taken.is_some() {
            checkpoints.clear().await;
        }
        self.heartbeat.carry(None);
        if taken.is_some_and(|taken| taken.is_sweeps_fault) { Went::Neither } else { went }
    }

    fn links(&self, leased: &v1::LeasedTrial, lease: &v1::Lease) -> Links {
        let backlog = Backlog::new(self.spool.file(lease));
        let uplink = Uplink::start(self.coordinator.clone(), lease.clone(), backlog);
        let checkpoints =
            CheckpointLink::start(self.checkpointing, self.coordinator.clone(), leased, uplink.stored());
        let findings = FindingsLink::start(self.coordinator.clone(), leased);
        Links { uplink, findings, checkpoints }
    }

    /// Brings what the trainer is to read: the checkpoint to go on from, and the files that were sent along.
    async fn prepare(
        &mut self,
        lease: &v1::Lease,
        leased: v1::LeasedTrial,
        links: &mut Links,
    ) -> Result<v1::TrainTrial, End> {
        let (coordinator, uploads) = (self.coordinator, self.uploads);
        let mut spec = leased.spec.unwrap_or_default();
        let bring = async {
            uploads.bring(coordinator, lease, &mut spec).await?;
            Ok(links.checkpoints.fetch().await)
        };
        let brought = tokio::select! {
            brought = bring => brought,
            order = unconcluded(self.heartbeat, lease) => return Err(End::of_order(order)),
            () = self.shutdown.cancelled() => return Err(End::Released(Release::Stopping)),
        };
        let (checkpointing, problem) = brought.map_err(|error| End::of_upload(&error))?;
        links.uplink.send(problem.into_iter().collect()).await;
        let (examples, reason) = (leased.micro_batch_cap, leased.micro_batch_cap_reason);
        Ok(v1::TrainTrial {
            spec: Some(spec),
            known_memory: leased.memory,
            micro_batch_cap: (examples > 0).then_some(v1::MicroBatchCap { examples, reason }),
            checkpointing: Some(checkpointing),
            sweep_id: leased.sweep_id,
        })
    }

    /// Where somebody else may go on with the trial, waits until its newest checkpoint is stored.
    async fn bring_last_checkpoint(&self, end: &End, checkpoints: &mut CheckpointLink) {
        match end {
            End::Released(_) | End::Failed { .. } => tokio::select! {
                () = checkpoints.finish() => {}
                () = async { self.shutdown.cancelled().await; tokio::time::sleep(HAND_OVER).await } => {
                    checkpoints.abandon();
                }
            },
            End::Finished(_) | End::LeaseLost => checkpoints.abandon(),
        }
    }

    /// Passes on what the trainer tells until the attempt ends.
    async fn follow(&mut self, trainer: &mut TrainerProcess, lease: &v1::Lease, links: &mut Links) -> End {
        let mut watchdog = Watchdog::new(self.trainer_timeout);
        let mut is_concluding = false;
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
                Event::OtherData(other) => return stop(trainer, links, End::of_other_data(&other)).await,
                Event::Ordered(LeaseOrder::Conclude) if is_concluding => {}
                // It answers with its result so far, once it has taken a look between two steps.
                Event::Ordered(LeaseOrder::Conclude) => {
                    is_concluding = true;
                    let how = v1::StopTrial { save: false, conclude: true };
                    trainer.send(trainer_request::Kind::Stop(how)).await;
                }
                Event::Ordered(order) => return stop(trainer, links, End::of_order(order)).await,
                Event::Save => trainer.send(trainer_request::Kind::Save(v1::SaveTrial {})).await,
                Event::Shutdown => {
                    return stop(trainer, links, End::Released(Release::Stopping)).await;
                }
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
        if matches!(end, End::LeaseLost) {
            findings.abandon();
            uplink.abandon();
            let trial = &lease.trial_id;
            tracing::warn!(trial, attempt = lease.attempt, "the lease is lost; nothing more is reported");
            return None;
        }
        let spooled = uplink.spooled();
        let settled = tokio::select! {
            settled = self.hand_in(end, lease, uplink, findings) => settled,
            // Without an answer in time what waits stays in the spool.
            () = async { self.shutdown.cancelled().await; tokio::time::sleep(FAREWELL).await } => {
                Err(Settled::Unanswered)
            }
        };
        let taken = settled.as_ref().ok().copied();
        hand_in::conclude(settled, lease, &spooled);
        taken
    }

    async fn hand_in(
        &self,
        end: End,
        lease: &v1::Lease,
        uplink: Uplink,
        findings: FindingsLink,
    ) -> Result<Taken, Settled> {
        // A result that was there before the answer about its data is none if that was another's: it is written down only
        // after.
        let end = match (findings.finish().await, end) {
            (Some(other), End::Finished(_)) => End::of_other_data(&other),
            (_, end) => end,
        };
        end.log(&lease.trial_id);
        let is_failure = matches!(end, End::Failed { .. });
        let Some(end) = end.spooled() else { return Err(Settled::LeaseLost) };
        let last_seq = match uplink.finish(Some(end.clone())).await {
            Ok(last_seq) => last_seq,
            // What the records cannot say, the failure still does.
            Err(error) if is_failure => {
                tracing::warn!(trial = lease.trial_id, "{error}");
                0
            }
            Err(error) => return Err(error.into()),
        };
        hand_in::end(self.coordinator, lease, end, last_seq).await
    }
}

/// Waits until the trial is to be saved; for ever, where nobody can wish that any more.
async fn wished(save: &mut watch::Receiver<()>) {
    if save.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The next order that ends an attempt which has measured nothing so far: to conclude it is asked for again once it trains.
async fn unconcluded(heartbeat: &mut Heartbeat, lease: &v1::Lease) -> LeaseOrder {
    loop {
        match heartbeat.order(lease).await {
            LeaseOrder::Conclude => {}
            order => return order,
        }
    }
}

/// Has the trainer stop at its next step, still taking in what it tells; kills it when it does not. Where somebody else is
/// to go on with the trial, it is saved first.
async fn stop(trainer: &mut TrainerProcess, links: &Links, end: End) -> End {
    let save = matches!(end, End::Released(release) if release.is_handed_over());
    trainer.send(trainer_request::Kind::Stop(v1::StopTrial { save, conclude: false })).await;
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
        Ok(Some(result)) if matches!(end, End::Released(_)) => End::Finished(result),
        Ok(_) => end,
        Err(_) => {
            trainer.kill().await;
            end
        }
    }
}
