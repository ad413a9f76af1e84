//! Watched sweeps: one task for each looks a few times a second, however many people watch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::units::SweepId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::store::sweep::{self, RunningTrial, SweepRow};
use crate::store::{Store, StoreError};

/// How often a watched sweep is looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// A sweep at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The sweep, without its source.
    pub sweep: SweepRow,
    /// Its running trials.
    pub running: Vec<RunningTrial>,
}

/// The sweeps that somebody watches.
#[derive(Debug, Clone)]
pub struct Watches {
    store: Store,
    stop: CancellationToken,
    watched: Arc<Mutex<HashMap<SweepId, watch::Sender<Arc<Snapshot>>>>>,
}

impl Watches {
    /// No watches yet; those to come end with `stop`.
    #[must_use]
    pub fn new(store: Store, stop: CancellationToken) -> Self {
        Self { store, stop, watched: Arc::default() }
    }

    /// Watches a sweep: a snapshot of now, and each later one that differs. Snapshots that a slow receiver missed are
    /// skipped.
    ///
    /// # Errors
    /// As any query, for the first look.
    pub async fn watch(&self, sweep_id: SweepId) -> Result<watch::Receiver<Arc<Snapshot>>, StoreError> {
        let first = Arc::new(look(&self.store, sweep_id).await?);
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = watched.get(&sweep_id) {
            publish(sender, first);
            return Ok(sender.subscribe());
        }
        let (sender, receiver) = watch::channel(first);
        watched.insert(sweep_id, sender);
        tokio::spawn(self.clone().follow(sweep_id));
        Ok(receiver)
    }

    /// Looks at a sweep until nobody watches it.
    async fn follow(self, sweep_id: SweepId) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let snapshot = look(&self.store, sweep_id).await;
            let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(sender) = watched.get(&sweep_id).filter(|sender| sender.receiver_count() > 0) else {
                watched.remove(&sweep_id);
                return;
            };
            // While Postgres is away the last snapshot stands.
            match snapshot {
                Ok(snapshot) => publish(sender, Arc::new(snapshot)),
                Err(error) => tracing::debug!("watching sweep {sweep_id}: {error}"),
            }
        }
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).remove(&sweep_id);
    }
}

fn publish(sender: &watch::Sender<Arc<Snapshot>>, snapshot: Arc<Snapshot>) {
    sender.send_if_modified(|last| {
        let differs = *last != snapshot;
        if differs {
            *last = snapshot;
        }
        differs
    });
}

async fn look(store: &Store, sweep_id: SweepId) -> Result<Snapshot, StoreError> {
    let mut transaction = store.begin().await?;
    let mut sweep = sweep::get(&mut transaction, sweep_id).await?;
    sweep.source.clear();
    let running = sweep::running(&mut transaction, sweep_id).await?;
    transaction.commit().await?;
    Ok(Snapshot { sweep, running })
}
