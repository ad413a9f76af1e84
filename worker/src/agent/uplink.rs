//! Brings the records of one attempt to the coordinator: in order, each once, none left behind.
//!
//! Records are numbered here and kept, in the attempt's [spool](super::spool), until the coordinator has acknowledged
//! them. While it is away they wait there, and the trainer trains on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use proto::v1::{self, Record, SpooledEnd};
use proto::{MAX_RECORDS, Reason};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::Status;
use tracing::Instrument;

use super::coordinator::{Coordinator, Retry, is_lease_lost};
use super::spool::backlog::Backlog;

/// Batches of records between the trainer and the spool, while the disk is busy.
const WAITING_BATCHES: usize = 64;

/// Records are sent at most this often, so that a fast trial does not mean a call for each step.
const INTERVAL: Duration = Duration::from_millis(250);

/// Why records cannot be brought any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UplinkError {
    /// The lease is somebody else's.
    #[error("the lease is lost")]
    LeaseLost,
    /// The coordinator refused the records for another reason.
    #[error("the coordinator refused the records: {0}")]
    Refused(String),
    /// There is no room for more records.
    #[error("{0}")]
    Full(String),
    /// What was kept cannot be read back.
    #[error("the spool cannot be read back: {0}")]
    Unreadable(String),
}

#[expect(clippy::large_enum_variant, reason = "one value at a time, moved a few times a second at most")]
enum Item {
    Records(Vec<Record>),
    End(SpooledEnd),
}

/// The records of one attempt on their way.
#[derive(Debug)]
pub struct Uplink {
    items: mpsc::Sender<Item>,
    spooled: Spooled,
    trouble: watch::Receiver<Option<UplinkError>>,
    /// Number of the last record taken in.
    last_seq: AtomicU64,
    stored: watch::Receiver<u64>,
    task: JoinHandle<Result<u64, UplinkError>>,
}

/// The attempt's backlog and its file.
#[derive(Debug, Clone)]
pub struct Spooled(Arc<Mutex<Backlog>>);

impl Spooled {
    /// Removes the file: all of it is acknowledged, or of no use.
    pub fn delete(&self) {
        if let Some(file) = self.with(Backlog::take_file) {
            file.delete();
        }
    }

    /// Keeps the file for somebody to look at.
    pub fn set_aside(&self) {
        if let Some(file) = self.with(Backlog::take_file) {
            file.set_aside();
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Backlog) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same where the disk may take its time: heartbeats must not wait for it.
    async fn with_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Backlog) -> T + Send + 'static,
    ) -> Result<T, UplinkError> {
        let spooled = self.clone();
        let done = tokio::task::spawn_blocking(move || spooled.with(work)).await;
        done.map_err(|error| UplinkError::Unreadable(error.to_string()))
    }
}

impl Uplink {
    /// For the attempt that this lease is for, with what waits already.
    #[must_use]
    pub fn start(coordinator: Coordinator, lease: v1::Lease, backlog: Backlog) -> Self {
        let (items, received) = mpsc::channel(WAITING_BATCHES);
        let (tell, trouble) = watch::channel(None);
        let (tell_stored, stored) = watch::channel(0);
        let last_seq = AtomicU64::new(backlog.last_seq());
        let spooled = Spooled(Arc::new(Mutex::new(backlog)));
        let sender =
            Sender { coordinator, lease, spooled: spooled.clone(), trouble: tell, stored: tell_stored };
        Self {
            items,
            spooled,
            trouble,
            last_seq,
            stored,
            task: tokio::spawn(sender.bring(received).in_current_span()),
        }
    }

    /// Takes records in.
    pub async fn send(&self, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        self.last_seq.fetch_add(records.len() as u64, Ordering::Relaxed);
        // The other end is gone only after an error, which `finish` tells.
        let _ = self.items.send(Item::Records(records)).await;
    }

    /// Number of the last record taken in.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq.load(Ordering::Relaxed)
    }

    /// Up to which number records are stored at the coordinator, as that grows.
    #[must_use]
    pub fn stored(&self) -> watch::Receiver<u64> {
        self.stored.clone()
    }

    /// Writes down how the attempt ended, behind its records, before the coordinator knows of it.
    pub async fn note_end(&self, end: SpooledEnd) {
        let _ = self.items.send(Item::End(end)).await;
    }

    /// Waits until records cannot be brought any further; for ever, where that does not happen. Safe to drop and call
    /// again.
    pub async fn trouble(&mut self) -> UplinkError {
        match self.trouble.wait_for(Option::is_some).await.map(|trouble| trouble.clone()) {
            Ok(Some(trouble)) => trouble,
            _ => std::future::pending().await,
        }
    }

    /// The backlog and its file, which outlive this.
    #[must_use]
    pub fn spooled(&self) -> Spooled {
        self.spooled.clone()
    }

    /// Waits until every record is stored, and gives the number of the last one. The end, where one is given, is written
    /// down first.
    ///
    /// # Errors
    /// [`UplinkError`] when that will never be.
    pub async fn finish(self, end: Option<SpooledEnd>) -> Result<u64, UplinkError> {
        if let Some(end) = end {
            self.note_end(end).await;
        }
        drop(self.items);
        self.task
            .await
            .unwrap_or_else(|error| Err(UplinkError::Refused(format!("the sender ended early: {error}"))))
    }

    /// Forgets whatever was not sent yet: the lease is lost.
    pub fn abandon(self) {
        self.task.abort();
        self.spooled.delete();
    }
}

/// The task behind an [`Uplink`].
struct Sender {
    coordinator: Coordinator,
    lease: v1::Lease,
    spooled: Spooled,
    trouble: watch::Sender<Option<UplinkError>>,
    stored: watch::Sender<u64>,
}

impl Sender {
    async fn bring(self, mut received: mpsc::Receiver<Item>) -> Result<u64, UplinkError> {
        let brought = self.bring_all(&mut received).await;
        if let Err(error) = &brought {
            self.trouble.send_replace(Some(error.clone()));
        }
        brought
    }

    /// Takes records in while a call is on its way: a call may take as long as the coordinator is away.
    async fn bring_all(&self, received: &mut mpsc::Receiver<Item>) -> Result<u64, UplinkError> {
        let mut is_open = true;
        let mut next_call = Instant::now();
        let mut call: Option<BoxFuture<'_, Result<u64, UplinkError>>> = None;
        loop {
            let (waiting, last_seq) = self.spooled.with(|backlog| (backlog.waiting(), backlog.last_seq()));
            if call.is_none() && waiting == 0 && !is_open {
                return match self.spooled.with(|backlog| backlog.full().cloned()) {
                    Some(full) => Err(UplinkError::Full(full.to_string())),
                    None => Ok(last_seq),
                };
            }
            let is_time = !is_open || waiting >= MAX_RECORDS;
            tokio::select! {
                item = received.recv(), if is_open => match item {
                    Some(Item::Records(records)) => self.take_in(records).await?,
                    Some(Item::End(end)) => self.spooled.with_disk(move |backlog| backlog.end(&end)).await?,
                    None => is_open = false,
                },
                stored = answered(&mut call) => {
                    call = None;
                    let stored = stored?;
                    self.stored.send_replace(stored);
                    // Forgetting records may shorten the file.
                    let count = self.spooled.with_disk(move |backlog| backlog.acknowledge(stored)).await?;
                    if count == 0 {
                        // It must take at least one, or we would ask for ever.
                        return Err(UplinkError::Refused(format!("record {} was not taken", stored + 1)));
                    }
                    next_call = Instant::now() + INTERVAL;
                }
                () = tokio::time::sleep_until(next_call), if call.is_none() && waiting > 0 && !is_time => {
                    call = Some(self.report().boxed());
                }
                () = std::future::ready(()), if call.is_none() && waiting > 0 && is_time => {
                    call = Some(self.report().boxed());
                }
            }
        }
    }

    async fn take_in(&self, records: Vec<Record>) -> Result<(), UplinkError> {
        if let Err(full) = self.spooled.with_disk(move |backlog| backlog.push(records)).await? {
            // Those that wait are still brought; the attempt hears of it now.
            self.trouble.send_if_modified(|trouble| {
                let is_news = trouble.is_none();
                trouble.get_or_insert_with(|| UplinkError::Full(full.to_string()));
                is_news
            });
        }
        Ok(())
    }

    /// Sends the first of the waiting records; up to which one they are stored.
    async fn report(&self) -> Result<u64, UplinkError> {
        let (first_seq, records) =
            self.spooled.with_disk(Backlog::next_batch).await?.map_err(UplinkError::Unreadable)?;
        let request = v1::ReportMetricsRequest { lease: Some(self.lease.clone()), first_seq, records };
        let answer = self
            .coordinator
            .call(Retry::UntilAnswered, Duration::from_secs(30), |mut client| {
                let request = request.clone();
                async move { client.report_metrics(request).await }
            })
            .await;
        Ok(answer.map_err(|status| refused(&status))?.acked_seq)
    }
}

/// The answer to the call; for ever, while there is none.
async fn answered(call: &mut Option<BoxFuture<'_, Result<u64, UplinkError>>>) -> Result<u64, UplinkError> {
    match call {
        Some(call) => call.await,
        None => std::future::pending().await,
    }
}

fn refused(status: &Status) -> UplinkError {
    if is_lease_lost(status) {
        UplinkError::LeaseLost
    } else {
        let reason = Reason::of(status).map_or("", Reason::word);
        UplinkError::Refused(format!("{} {reason}", status.message()))
    }
}
