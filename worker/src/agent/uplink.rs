//! Brings the records of one attempt to the coordinator: in order, each once, none left behind.
//!
//! Records are numbered here and kept until the coordinator has acknowledged them. While it is away they wait; when
//! too many wait, [`Uplink::send`] makes the trainer wait too, rather than lose one.

use std::collections::VecDeque;
use std::time::Duration;

use proto::v1::{self, Record};
use proto::{MAX_RECORDS, Reason};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::Status;

use super::coordinator::{Coordinator, Retry, is_lease_lost};

/// Batches of records that may wait between the trainer and the sender. A batch is what the trainer fetched from its
/// device at once, at most a few hundred records: an outage of hours fits.
const WAITING_BATCHES: usize = 16_384;

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
}

/// The records of one attempt on their way.
#[derive(Debug)]
pub struct Uplink {
    batches: mpsc::Sender<Vec<Record>>,
    task: JoinHandle<Result<u64, UplinkError>>,
}

impl Uplink {
    /// For the attempt that this lease is for.
    #[must_use]
    pub fn start(coordinator: Coordinator, lease: v1::Lease) -> Self {
        let (batches, received) = mpsc::channel(WAITING_BATCHES);
        Self { batches, task: tokio::spawn(bring(coordinator, lease, received)) }
    }

    /// Takes records in; waits when too many are waiting already.
    pub async fn send(&self, records: Vec<Record>) {
        // The other end is gone only after an error, which `finish` tells.
        let _ = self.batches.send(records).await;
    }

    /// Waits until every record is stored, and gives the number of the last one.
    ///
    /// # Errors
    /// [`UplinkError`] when that will never be.
    pub async fn finish(self) -> Result<u64, UplinkError> {
        drop(self.batches);
        self.task
            .await
            .unwrap_or_else(|error| Err(UplinkError::Refused(format!("the sender ended early: {error}"))))
    }

    /// Forgets whatever was not sent yet: the lease is lost.
    pub fn abandon(self) {
        self.task.abort();
    }
}

async fn bring(
    coordinator: Coordinator,
    lease: v1::Lease,
    mut received: mpsc::Receiver<Vec<Record>>,
) -> Result<u64, UplinkError> {
    let mut waiting: VecDeque<Record> = VecDeque::new();
    // Number of the last record that is stored; those waiting follow it without gap.
    let mut acked = 0;
    let mut next_call = Instant::now();
    loop {
        let is_open = if waiting.is_empty() {
            collect(&mut received, &mut waiting).await
        } else {
            // More may come until it is time; the end of the records is time at once.
            tokio::select! {
                is_open = collect(&mut received, &mut waiting) => is_open,
                () = tokio::time::sleep_until(next_call) => true,
            }
        };
        if is_open && Instant::now() < next_call && waiting.len() < MAX_RECORDS {
            continue;
        }
        while !waiting.is_empty() {
            acked = report(&coordinator, &lease, acked, &mut waiting).await?;
            next_call = Instant::now() + INTERVAL;
            if is_open && waiting.len() < MAX_RECORDS {
                break;
            }
        }
        if !is_open {
            return Ok(acked);
        }
    }
}

/// Takes in what has come; false when no more will.
async fn collect(received: &mut mpsc::Receiver<Vec<Record>>, waiting: &mut VecDeque<Record>) -> bool {
    match received.recv().await {
        Some(records) => {
            waiting.extend(records);
            true
        }
        None => false,
    }
}

/// Sends the first of the waiting records and drops those that are stored.
async fn report(
    coordinator: &Coordinator,
    lease: &v1::Lease,
    acked: u64,
    waiting: &mut VecDeque<Record>,
) -> Result<u64, UplinkError> {
    let request = v1::ReportMetricsRequest {
        lease: Some(lease.clone()),
        first_seq: acked + 1,
        records: waiting.iter().take(MAX_RECORDS).cloned().collect(),
    };
    let answer = coordinator
        .call(Retry::UntilAnswered, Duration::from_secs(30), |mut client| {
            let request = request.clone();
            async move { client.report_metrics(request).await }
        })
        .await;
    let stored = answer.map_err(|status| refused(&status))?.acked_seq;
    let count = usize::try_from(stored.saturating_sub(acked)).unwrap_or(usize::MAX).min(waiting.len());
    if count == 0 {
        // It must take at least one, or we would ask for ever.
        return Err(UplinkError::Refused(format!("record {} was not taken", acked + 1)));
    }
    waiting.drain(..count);
    Ok(acked + count as u64)
}

fn refused(status: &Status) -> UplinkError {
    if is_lease_lost(status) {
        UplinkError::LeaseLost
    } else {
        let reason = Reason::of(status).map_or("", Reason::word);
        UplinkError::Refused(format!("{} {reason}", status.message()))
    }
}
