//! One task an agent that renews its lease, whatever the trainer and the records are doing. What operators and the coordinator
//! want of a worker besides comes with the answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proto::v1::{self, LeaseOrder};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::checkpoint::removal::Removal;
use super::checkpoint::store::CheckpointStore;
use super::coordinator::{Coordinator, Retry, is_lease_lost};
use super::metrics::METRICS;
use super::{Registered, duration};

/// What operators read in the log.
const OUT_OF_SERVICE: &str =
    "taken out of service: this worker gets no trial until it is put back with: batchsweep workers resume";
const IN_SERVICE: &str = "back in service";

/// The current lease and how far its trial is, as the next heartbeat tells it.
type Current = Arc<Mutex<Option<v1::LeaseProgress>>>;

/// The heartbeat of an agent. It ends with this value.
#[derive(Debug)]
pub struct Heartbeat {
    current: Current,
    soon: Arc<Notify>,
    orders: mpsc::UnboundedReceiver<(v1::Lease, LeaseOrder)>,
    task: JoinHandle<()>,
}

impl Heartbeat {
    /// Starts beating; at first without a lease.
    #[must_use]
    pub fn start(coordinator: Coordinator, registered: Registered, checkpoints: CheckpointStore) -> Self {
        let current = Current::default();
        let soon = Arc::new(Notify::new());
        let (sender, orders) = mpsc::unbounded_channel();
        let removal = Removal::new(checkpoints);
        let task =
            tokio::spawn(beat(coordinator, registered, current.clone(), soon.clone(), sender, removal));
        Self { current, soon, orders, task }
    }

    /// Renews this lease from now on, and says so at once; `None` for no lease.
    pub fn carry(&self, lease: Option<v1::Lease>) {
        let progress = lease.map(|lease| v1::LeaseProgress { lease: Some(lease), progress: None });
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        self.soon.notify_one();
    }

    /// What the next heartbeat tells of the trial.
    pub fn tell(&self, progress: v1::Progress) {
        if let Some(current) = self.current.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            current.progress = Some(progress);
        }
    }

    /// The next order to end this lease: not to go on, nor one that this version does not know. Waits for ever when none comes.
    pub async fn order(&mut self, lease: &v1::Lease) -> LeaseOrder {
        loop {
            match self.orders.recv().await {
                // A late answer about an earlier lease is of no interest.
                Some((of, order)) if of.trial_id == lease.trial_id && of.attempt == lease.attempt => {
                    return order;
                }
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether an order is one to end the attempt.
fn ends(order: LeaseOrder) -> bool {
    match order {
        LeaseOrder::Lost | LeaseOrder::Stop | LeaseOrder::HandOver | LeaseOrder::Conclude => true,
        LeaseOrder::Continue | LeaseOrder::Unspecified => false,
    }
}

async fn beat(
    coordinator: Coordinator,
    registered: Registered,
    current: Current,
    soon: Arc<Notify>,
    orders: mpsc::UnboundedSender<(v1::Lease, LeaseOrder)>,
    mut removal: Removal,
) {
    let mut interval = registered.heartbeat_interval;
    let mut is_draining = false;
    loop {
        let lease = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = v1::HeartbeatRequest {
            worker_id: registered.worker_id.clone(),
            instance_id: registered.instance_id.clone(),
            leases: lease.iter().cloned().collect(),
            removed: removal.removed().await,
        };
        // Not tried again by itself: the next beat is the next try, and tells newer progress.
        let timeout = interval.max(Duration::from_secs(2));
        let answer = coordinator
            .call(Retry::Never, timeout, |mut client| {
                let request = request.clone();
                async move { client.heartbeat(request).await }
            })
            .await;
        METRICS.heartbeat(answer.is_ok());
        let lease = lease.and_then(|progress| progress.lease);
        match answer {
            Ok(answer) => {
                interval = duration(answer.next_heartbeat).unwrap_or(registered.heartbeat_interval);
                let order = answer.leases.first().map(v1::LeaseReply::order);
                removal.told(answer.remove);
                if answer.draining != is_draining {
                    is_draining = answer.draining;
                    tracing::info!("{}", if is_draining { OUT_OF_SERVICE } else { IN_SERVICE });
                }
                if let Some((lease, order)) = lease.zip(order.filter(|&order| ends(order))) {
                    // Nobody listens any more only when the agent is ending.
                    let _ = orders.send((lease, order));
                }
            }
            Err(status) if is_lease_lost(&status) => {
                tracing::warn!("heartbeat refused: {}", status.message());
                if let Some(lease) = lease {
                    let _ = orders.send((lease, LeaseOrder::Lost));
                }
            }
            Err(status) => tracing::warn!("heartbeat not answered: {}", status.message()),
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = soon.notified() => {}
        }
    }
}
