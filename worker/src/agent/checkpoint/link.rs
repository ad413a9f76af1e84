//! The checkpoints of one attempt on their way: to the store and the coordinator as they are saved, and from the store the
//! one that the attempt goes on from.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::v1::{self, LogLevel, record};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::Checkpointing;
use super::scratch::Scratch;
use super::store::{CheckpointId, CheckpointStore};
use crate::agent::coordinator::{Coordinator, Retry, is_lease_lost};
use crate::agent::metrics::METRICS;

/// How long fetching a checkpoint may take; without it the trial starts over.
const FETCH_TIMEOUT: Duration = Duration::from_secs(600);

/// A file that the trainer saved.
#[derive(Debug)]
struct Saved {
    trial: v1::SavedTrial,
    /// Number of the last record before it.
    last_seq: u64,
}

/// Brings checkpoints while the trainer trains on. Only the newest one is of use, so older ones that still wait are dropped.
#[derive(Debug)]
pub struct CheckpointLink {
    saved: mpsc::UnboundedSender<Saved>,
    task: JoinHandle<()>,
    /// `None` where there is no room for files: then nothing is saved.
    scratch: Option<Scratch>,
    settings: Checkpointing,
    lease: v1::Lease,
    /// What it goes on from.
    before: Option<v1::Checkpoint>,
}

impl CheckpointLink {
    /// For the attempt that this trial was leased for; `stored` tells how many of its records the coordinator has.
    #[must_use]
    pub fn start(
        settings: &Checkpointing,
        coordinator: Coordinator,
        leased: &v1::LeasedTrial,
        stored: watch::Receiver<u64>,
    ) -> Self {
        let lease = leased.lease.clone().unwrap_or_default();
        let scratch = Scratch::make(&settings.scratch, &lease).inspect_err(|error| {
            let folder = settings.scratch.display();
            tracing::warn!("no room for checkpoints in {folder}: {error}; this attempt is not saved");
        });
        let (saved, received) = mpsc::unbounded_channel();
        let carrier = Carrier { coordinator, lease: lease.clone(), store: settings.store.clone(), stored };
        Self {
            saved,
            task: tokio::spawn(carrier.bring(received).in_current_span()),
            scratch: scratch.ok(),
            settings: settings.clone(),
            lease,
            before: leased.checkpoint.clone(),
        }
    }

    /// Fetches the checkpoint to go on from, if there is one, and gives what the trainer is told; and a line for the trial's
    /// log where it cannot be had.
    pub async fn fetch(&mut self) -> (v1::Checkpointing, Option<v1::Record>) {
        let Some(scratch) = &self.scratch else { return (v1::Checkpointing::default(), None) };
        let mut told = v1::Checkpointing {
            folder: scratch.path().to_string_lossy().into_owned(),
            interval_ms: self
                .settings
                .interval
                .map_or(0, |interval| u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1)),
            every_steps: self.settings.every_steps,
            resume_file: String::new(),
        };
        let Some(before) = self.before.clone() else { return (told, None) };
        let file = scratch.path().join("resume.safetensors");
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, self.settings.store.fetch(&before, &file)).await;
        let problem = match fetched {
            Ok(Ok(())) => {
                told.resume_file = file.to_string_lossy().into_owned();
                return (told, None);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it did not come within {} s", FETCH_TIMEOUT.as_secs()),
        };
        let text = format!(
            "the checkpoint of attempt {} at step {} cannot be had, the trial starts over: {problem}",
            before.attempt, before.step
        );
        tracing::warn!(trial = self.lease.trial_id, "{text}");
        let line = v1::LogLine { level: LogLevel::Warning.into(), text };
        (told, Some(v1::Record { kind: Some(record::Kind::Log(line)) }))
    }

    /// The record of an attempt that goes on; the trainer says that it does.
    #[must_use]
    pub fn resumed(&self) -> Option<v1::Record> {
        let before = self.before.as_ref()?;
        let resumed = v1::Resumed { attempt: before.attempt, last_seq: before.last_seq, step: before.step };
        tracing::info!(trial = self.lease.trial_id, step = before.step, "goes on from a checkpoint");
        Some(v1::Record { kind: Some(record::Kind::Resumed(resumed)) })
    }

    /// Takes in a file that the trainer saved, after so many records of this attempt.
    pub fn saved(&self, trial: v1::SavedTrial, last_seq: u64) {
        // The other end is gone only when the lease is.
        let _ = self.saved.send(Saved { trial, last_seq });
    }

    /// Waits until the newest one is stored and told.
    pub async fn finish(&mut self) {
        // As if this value were gone.
        (self.saved, _) = mpsc::unbounded_channel();
        // A task that broke off leaves the attempt with an older checkpoint.
        let _ = (&mut self.task).await;
    }

    /// Drops what is on its way. The attempt's own files go; those in the store stay.
    pub fn abandon(&self) {
        self.task.abort();
    }

    /// The trial has a result: no checkpoint of it is needed any more.
    pub async fn clear(&self) {
        clear(&self.settings.store, &self.lease).await;
    }
}

impl Drop for CheckpointLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Removes the checkpoints of a trial that this attempt has ended, those of earlier attempts too.
pub async fn clear(store: &CheckpointStore, lease: &v1::Lease) {
    let last = CheckpointId { attempt: lease.attempt, step: u64::MAX };
    if let Err(error) = store.prune(&lease.trial_id, last, true).await {
        tracing::warn!(trial = lease.trial_id, "its checkpoints cannot be removed: {error}");
    }
}

/// The task behind a [`CheckpointLink`].
struct Carrier {
    coordinator: Coordinator,
    lease: v1::Lease,
    store: CheckpointStore,
    stored: watch::Receiver<u64>,
}

/// Whether the attempt may go on saving.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

impl Carrier {
    async fn bring(mut self, mut received: mpsc::UnboundedReceiver<Saved>) {
        while let Some(first) = received.recv().await {
            let Some(newest) = self.newest_of_use(first, &mut received).await else { return };
            let then = self.keep(&newest).await;
            remove(&newest);
            if then == Then::End {
                return;
            }
        }
    }

    /// Waits until the coordinator has all records before the newest file, for without them it would tell of steps that
    /// nobody knows. `None` when that will never be.
    async fn newest_of_use(
        &mut self,
        first: Saved,
        received: &mut mpsc::UnboundedReceiver<Saved>,
    ) -> Option<Saved> {
        let mut newest = first;
        loop {
            while let Ok(newer) = received.try_recv() {
                remove(&newest);
                newest = newer;
            }
            let last_seq = newest.last_seq;
            tokio::select! {
                stored = self.stored.wait_for(|stored| *stored >= last_seq) => return stored.is_ok().then_some(newest),
                Some(newer) = received.recv() => {
                    remove(&newest);
                    newest = newer;
                }
            }
        }
    }

    async fn keep(&self, Saved { trial, last_seq }: &Saved) -> Then {
        let trial_id = &self.lease.trial_id;
        let id = CheckpointId { attempt: self.lease.attempt, step: trial.step };
        let path = id.path(trial_id);
        let file = Path::new(&trial.file);
        let bytes = fs::metadata(file).map_or(0, |metadata| metadata.len());
        if let Err(error) = self.store.put(&path, file).await {
            tracing::warn!(trial = trial_id, step = trial.step, "the checkpoint cannot be stored: {error}");
            METRICS.checkpoint(false);
            return Then::GoOn;
        }
        let checkpoint = v1::Checkpoint {
            attempt: self.lease.attempt,
            step: trial.step,
            examples: trial.examples,
            last_seq: *last_seq,
            path,
            sha256: trial.sha256.clone(),
            bytes,
        };
        let request =
            v1::ReportCheckpointRequest { lease: Some(self.lease.clone()), checkpoint: Some(checkpoint) };
        let answer = self.coordinator.call(Retry::UntilAnswered, Duration::from_secs(10), |mut client| {
            let request = request.clone();
            async move { client.report_checkpoint(request).await }
        });
        match answer.await {
            Ok(_) => {
                tracing::info!(trial = trial_id, step = trial.step, bytes, "saved");
                METRICS.checkpoint(true);
            }
            // Whether it was taken before the lease was lost is not known here, so the file stays: the attempt that gets a
            // result removes it.
            Err(status) if is_lease_lost(&status) => return Then::End,
            Err(status) => {
                tracing::warn!(trial = trial_id, "the checkpoint was not taken: {}", status.message());
                METRICS.checkpoint(false);
                return Then::GoOn;
            }
        }
        if let Err(error) = self.store.prune(trial_id, id, false).await {
            tracing::warn!(trial = trial_id, "older checkpoints cannot be removed: {error}");
        }
        Then::GoOn
    }
}

fn remove(saved: &Saved) {
    let file = PathBuf::from(&saved.trial.file);
    if let Err(error) = fs::remove_file(&file) {
        tracing::warn!(path = %file.display(), "cannot be removed: {error}");
    }
}
