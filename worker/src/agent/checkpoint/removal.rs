//! Removes checkpoints that nothing goes on from any more, as the coordinator asks, beside whatever this agent trains.

use proto::v1::StaleCheckpoints;
use tokio::task::JoinHandle;

use super::store::{CheckpointId, CheckpointStore};

/// What is being removed, and what was.
#[derive(Debug)]
pub struct Removal {
    store: CheckpointStore,
    task: Option<JoinHandle<Vec<StaleCheckpoints>>>,
    removed: Vec<StaleCheckpoints>,
}

impl Removal {
    /// Nothing yet.
    #[must_use]
    pub fn new(store: CheckpointStore) -> Self {
        Self { store, task: None, removed: Vec::new() }
    }

    /// What has been removed and was not told yet.
    pub async fn removed(&mut self) -> Vec<StaleCheckpoints> {
        if let Some(task) = self.task.take_if(|task| task.is_finished()) {
            // A task that broke off is asked for again.
            self.removed.extend(task.await.unwrap_or_default());
        }
        self.removed.clone()
    }

    /// The coordinator has heard of all that [`Removal::removed`] gave, and asks for more. While some is being removed, it is
    /// asked for again with the next answer.
    pub fn told(&mut self, more: Vec<StaleCheckpoints>) {
        self.removed.clear();
        if self.task.is_none() && !more.is_empty() {
            self.task = Some(tokio::spawn(remove(self.store.clone(), more)));
        }
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Removes them; gives those that are gone. Those of later attempts stay.
async fn remove(store: CheckpointStore, wanted: Vec<StaleCheckpoints>) -> Vec<StaleCheckpoints> {
    let mut removed = Vec::new();
    for stale in wanted {
        let last = CheckpointId { attempt: stale.attempt, step: u64::MAX };
        match store.prune(&stale.trial_id, last, true).await {
            Ok(()) => {
                tracing::info!(
                    trial = stale.trial_id,
                    "its checkpoints are removed: it ended and was not tried again"
                );
                removed.push(stale);
            }
            Err(error) => {
                tracing::warn!(trial = stale.trial_id, "its checkpoints cannot be removed: {error}");
            }
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TRIAL: &str = "0190a2b4-0000-7000-8000-000000000001";

    fn stale(attempt: u32) -> StaleCheckpoints {
        StaleCheckpoints { trial_id: TRIAL.to_owned(), attempt }
    }

    #[tokio::test]
    async fn what_is_removed_is_told_until_it_was_heard_and_later_attempts_keep_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let store = CheckpointStore::open(&folder.path().to_string_lossy()).await.unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "saved").unwrap();
        for (attempt, step) in [(1, 10), (2, 20), (3, 30)] {
            store.put(&CheckpointId { attempt, step }.path(TRIAL), &file).await.unwrap();
        }
        let mut removal = Removal::new(store);
        assert_eq!(removal.removed().await, []);
        removal.told(vec![stale(2)]);
        // Asked for again before it was told.
        removal.told(vec![stale(2)]);
        while removal.removed().await.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(removal.removed().await, [stale(2)], "the answer may have been lost");
        let left = fs::read_dir(folder.path().join("checkpoints").join(TRIAL)).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(left, ["3-30.safetensors"]);
        removal.told(Vec::new());
        assert_eq!(removal.removed().await, []);
        // Nothing there is as good as removed: the store may be another worker's as well.
        removal.told(vec![stale(2)]);
        while removal.removed().await.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_path_that_is_none_is_never_told_as_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = CheckpointStore::open(&folder.path().to_string_lossy()).await.unwrap();
        let outside = StaleCheckpoints { trial_id: "../..".to_owned(), attempt: 9 };
        assert_eq!(remove(store, vec![outside, stale(1)]).await, [stale(1)]);
    }
}
