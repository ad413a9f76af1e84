//! The search loop: one task that decides for all sweeps with `[search]` what is trained next, as soon as something happened in
//! one of them here, and otherwise looks once a second for what happened at other coordinators.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::units::SweepId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::claims::Claims;
use crate::store::search::{self, Decided, Seen};
use crate::store::{Store, StoreError};

/// How long to wait for a hint before looking anyway.
const POLL: Duration = Duration::from_secs(1);

/// Hints to the search loop.
#[derive(Debug, Clone, Default)]
pub struct Searches {
    hints: Arc<Hints>,
}

#[derive(Debug, Default)]
struct Hints {
    wake: Notify,
    /// Whether a search goes on: where none does, the many trials that end are no reason to look.
    are_heard: AtomicBool,
}

impl Searches {
    /// Hints that a trial has ended, or that a search may go on.
    pub fn wake(&self) {
        if self.hints.are_heard.load(Ordering::Relaxed) {
            self.hints.wake.notify_one();
        }
    }

    /// Hints that there may be a search which goes on from now on.
    pub fn begin(&self) {
        self.hints.are_heard.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Decides until `stop`.
    pub async fn run(self, store: Store, claims: Claims, stop: CancellationToken) {
        let mut looks = Looks::default();
        loop {
            match looks.look(&store, &claims).await {
                Ok(open) => self.hints.are_heard.store(open > 0, Ordering::Relaxed),
                Err(error) => tracing::warn!("searches wait: {error}"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.hints.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}

/// What was seen of each search when it was last decided for.
#[derive(Default)]
struct Looks {
    seen: HashMap<SweepId, Seen>,
}

impl Looks {
    /// Gives how many searches go on.
    async fn look(&mut self, store: &Store, claims: &Claims) -> Result<usize, StoreError> {
        let mut connection = store.requests.acquire().await?;
        let open = search::open(&mut connection).await?;
        drop(connection);
        self.seen.retain(|sweep_id, _| open.iter().any(|search| search.sweep_id == *sweep_id));
        let count = open.len();
        for search in open {
            if self.seen.get(&search.sweep_id) == Some(&search.seen) {
                continue;
            }
            match decide(store, search.sweep_id).await {
                // Paused, cancelled or over since: what was seen says nothing of the time when it goes on.
                Ok(None) => {
                    self.seen.remove(&search.sweep_id);
                }
                Ok(Some(decided)) => {
                    self.seen.insert(search.sweep_id, search.seen);
                    if decided.begun > 0 {
                        claims.wake();
                    }
                }
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                // One that cannot be decided for holds up no other.
                Err(error) => {
                    tracing::error!(sweep_id = %search.sweep_id, "its search does not go on: {error}");
                }
            }
        }
        Ok(count)
    }
}

async fn decide(store: &Store, sweep_id: SweepId) -> Result<Option<Decided>, StoreError> {
    let mut transaction = store.begin().await?;
    let decided = search::decide(&mut transaction, sweep_id).await?;
    if decided.is_some_and(|decided| decided.begun > 0) {
        store.notify_trials(&mut transaction).await?;
    }
    transaction.commit().await?;
    if decided.is_some_and(|decided| decided.is_over) {
        tracing::info!(%sweep_id, "its search is over");
    }
    Ok(decided)
}
