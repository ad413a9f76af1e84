//! Where checkpoints are kept: a folder or a bucket that all workers of a fleet see.

use std::path::Path as FilePath;

use proto::v1;
use storage::{Storage, StorageError};

/// The folder of checkpoints within the store, which may hold more than them.
const FOLDER: &str = "checkpoints";

/// A store of checkpoints.
#[derive(Debug, Clone)]
pub struct CheckpointStore {
    storage: Storage,
}

/// Which of a trial's checkpoints: later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckpointId {
    /// The attempt that saved it.
    pub attempt: u32,
    /// Optimizer steps done.
    pub step: u64,
}

impl CheckpointId {
    /// Its path within the store.
    #[must_use]
    pub fn path(self, trial_id: &str) -> String {
        format!("{FOLDER}/{trial_id}/{}-{}.safetensors", self.attempt, self.step)
    }

    fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next()?;
        let (attempt, step) = name.strip_suffix(".safetensors")?.split_once('-')?;
        Some(Self { attempt: attempt.parse().ok()?, step: step.parse().ok()? })
    }
}

impl CheckpointStore {
    /// Opens the store at a folder, which is made, or at a bucket's URL; see [`Storage::open`].
    ///
    /// # Errors
    /// What is wrong, in words.
    pub async fn open(location: &str) -> Result<Self, String> {
        Ok(Self { storage: Storage::open(location).await? })
    }

    /// Brings a file there. Under its path it is whole.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn put(&self, path: &str, file: &FilePath) -> Result<(), StorageError> {
        self.storage.put(path, file).await
    }

    /// Fetches a checkpoint to a file here, and checks that it is the one that was saved.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn fetch(&self, checkpoint: &v1::Checkpoint, file: &FilePath) -> Result<(), StorageError> {
        self.storage.fetch(&checkpoint.path, &checkpoint.sha256, file).await
    }

    /// Removes a trial's checkpoints up to this one, itself only where `and_itself` says so. Newer ones are somebody else's.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn prune(
        &self,
        trial_id: &str,
        last: CheckpointId,
        and_itself: bool,
    ) -> Result<(), StorageError> {
        let found = self.storage.list(&format!("{FOLDER}/{trial_id}")).await?;
        let is_old =
            |path: &&String| CheckpointId::of(path).is_some_and(|id| id < last || and_itself && id == last);
        for path in found.iter().filter(is_old) {
            self.storage.delete(path).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TRIAL: &str = "0190a2b4-0000-7000-8000-000000000001";

    fn id(attempt: u32, step: u64) -> CheckpointId {
        CheckpointId { attempt, step }
    }

    /// A store that holds these, each with its id as its text.
    async fn holding(ids: &[CheckpointId]) -> (tempfile::TempDir, CheckpointStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = CheckpointStore::open(&folder.path().join("store").to_string_lossy()).await.unwrap();
        for id in ids {
            let file = folder.path().join("file");
            fs::write(&file, format!("{id:?}")).unwrap();
            store.put(&id.path(TRIAL), &file).await.unwrap();
        }
        (folder, store)
    }

    fn files(folder: &tempfile::TempDir) -> Vec<String> {
        let Ok(entries) = fs::read_dir(folder.path().join("store/checkpoints").join(TRIAL)) else {
            return Vec::new();
        };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn what_was_put_is_fetched_if_it_is_what_was_saved() {
        let saved = id(2, 300);
        let (folder, store) = holding(&[saved]).await;
        let to = folder.path().join("fetched");
        let sha256 = domain::units::ContentHash::of(format!("{saved:?}").as_bytes()).to_string();
        let checkpoint = v1::Checkpoint { path: saved.path(TRIAL), sha256, ..v1::Checkpoint::default() };
        store.fetch(&checkpoint, &to).await.unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), format!("{saved:?}"));
        let another = v1::Checkpoint { sha256: "ab".repeat(32), ..checkpoint };
        let damaged = store.fetch(&another, &to).await.unwrap_err();
        assert!(matches!(damaged, StorageError::Damaged { .. }), "{damaged}");
    }

    #[tokio::test]
    async fn older_ones_are_removed_and_those_of_a_newer_attempt_are_not() {
        let (folder, store) = holding(&[id(1, 900), id(2, 5), id(2, 10), id(10, 5)]).await;
        store.prune(TRIAL, id(2, 10), false).await.unwrap();
        assert_eq!(files(&folder), ["10-5.safetensors", "2-10.safetensors"]);
        store.prune(TRIAL, id(10, 5), true).await.unwrap();
        assert_eq!(files(&folder), [] as [&str; 0]);
    }
}
