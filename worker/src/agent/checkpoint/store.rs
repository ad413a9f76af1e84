//! Where checkpoints are kept: a folder or a bucket that all workers of a fleet see.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;
#[cfg(feature = "s3")]
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use proto::v1;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, copy_buf};

/// Bytes that are on their way to the store at a time.
const PART: usize = 8 << 20;

/// The folder of checkpoints within the store, which may hold more than them.
const FOLDER: &str = "checkpoints";

/// A store. `Debug` does not tell credentials.
#[derive(Clone)]
pub struct CheckpointStore {
    objects: Arc<dyn ObjectStore>,
}

impl fmt::Debug for CheckpointStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointStore").finish_non_exhaustive()
    }
}

/// Which of a trial's checkpoints: later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The attempt that saved it.
    pub attempt: u32,
    /// Optimizer steps done.
    pub step: u64,
}

impl Place {
    /// Its path within the store.
    #[must_use]
    pub fn path(self, trial_id: &str) -> String {
        format!("{FOLDER}/{trial_id}/{}-{}.safetensors", self.attempt, self.step)
    }

    fn of(path: &Path) -> Option<Self> {
        let (attempt, step) = path.filename()?.strip_suffix(".safetensors")?.split_once('-')?;
        Some(Self { attempt: attempt.parse().ok()?, step: step.parse().ok()? })
    }
}

/// Why a checkpoint was not kept or not fetched.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The store refused.
    #[error("{0}")]
    Store(#[from] object_store::Error),
    /// A file here cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// The coordinator told a path that is none.
    #[error("`{0}` is no path within a store")]
    Path(String),
    /// What came is not what was saved.
    #[error("its SHA-256 is {found}, not {expected}: it is damaged")]
    Damaged {
        /// As saved.
        expected: String,
        /// As fetched.
        found: String,
    },
}

impl CheckpointStore {
    /// Opens the store at a folder, which is made, at a `file://` URL of one or, in builds with the feature `s3`, at
    /// `s3://BUCKET/PREFIX`. Writes and removes a small file there: better told at the start than when a worker stops.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub async fn open(location: &str) -> Result<Self, String> {
        let folder = location.strip_prefix("file://").unwrap_or(location);
        let store = match folder.split_once("://") {
            None => Self::folder(FilePath::new(folder))?,
            Some(("s3", _)) => Self::bucket(location)?,
            Some((scheme, _)) => {
                return Err(format!("{scheme}:// is not known; there are folders and s3://"));
            }
        };
        store.check().await.map_err(|error| error.to_string())?;
        Ok(store)
    }

    fn folder(folder: &FilePath) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(|error| error.to_string())?;
        Ok(Self { objects: Arc::new(objects.with_fsync(true).with_automatic_cleanup(true)) })
    }

    #[cfg(feature = "s3")]
    fn bucket(url: &str) -> Result<Self, String> {
        use object_store::RetryConfig;
        use object_store::aws::AmazonS3Builder;
        use object_store::prefix::PrefixStore;

        let retry = RetryConfig { retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
        let bucket = AmazonS3Builder::from_env().with_url(url).with_retry(retry).build();
        let bucket = bucket.map_err(|error| error.to_string())?;
        let prefix = url.trim_start_matches("s3://").split_once('/').map_or("", |(_, prefix)| prefix);
        let prefix = Path::parse(prefix).map_err(|error| error.to_string())?;
        Ok(Self { objects: Arc::new(PrefixStore::new(bucket, prefix)) })
    }

    #[cfg(not(feature = "s3"))]
    fn bucket(_: &str) -> Result<Self, String> {
        Err("this worker was built without s3://; build it with `cargo build -p worker --features s3`, or name a folder \
             that all workers see, such as one on NFS"
            .to_owned())
    }

    async fn check(&self) -> object_store::Result<()> {
        let path = Path::from(format!("{}.check", uuid::Uuid::new_v4()));
        self.objects.put(&path, PutPayload::new()).await?;
        self.objects.delete(&path).await
    }

    /// Brings a file there. Under its path it is whole.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub async fn put(&self, path: &str, file: &FilePath) -> Result<(), CheckpointError> {
        let from = File::open(file).await?;
        let mut from = tokio::io::BufReader::with_capacity(PART, from);
        let mut to = BufWriter::with_capacity(Arc::clone(&self.objects), parse(path)?, PART);
        if let Err(error) = copy_buf(&mut from, &mut to).await {
            to.abort().await?;
            return Err(error.into());
        }
        Ok(to.shutdown().await?)
    }

    /// Fetches a checkpoint to a file here, and checks that it is the one that was saved.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub async fn fetch(&self, checkpoint: &v1::Checkpoint, file: &FilePath) -> Result<(), CheckpointError> {
        let mut parts = self.objects.get(&parse(&checkpoint.path)?).await?.into_stream();
        let mut to = File::create(file).await?;
        let mut digest = Sha256::new();
        while let Some(part) = parts.next().await {
            let part = part?;
            digest.update(&part);
            to.write_all(&part).await?;
        }
        to.flush().await?;
        let found = crate::digest::hex(&digest.finalize());
        let expected = checkpoint.sha256.clone();
        if found == expected { Ok(()) } else { Err(CheckpointError::Damaged { expected, found }) }
    }

    /// Removes a trial's checkpoints up to this one, itself only where `and_itself` says so. Newer ones are somebody else's.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub async fn prune(&self, trial_id: &str, last: Place, and_itself: bool) -> Result<(), CheckpointError> {
        let folder = parse(&format!("{FOLDER}/{trial_id}"))?;
        let found: Vec<Path> =
            self.objects.list(Some(&folder)).map_ok(|object| object.location).try_collect().await?;
        let is_old =
            |path: &&Path| Place::of(path).is_some_and(|place| place < last || and_itself && place == last);
        for path in found.iter().filter(is_old) {
            match self.objects.delete(path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// What comes over the wire must not lead out of the store.
fn parse(path: &str) -> Result<Path, CheckpointError> {
    Path::parse(path).map_err(|_| CheckpointError::Path(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIAL: &str = "0190a2b4-0000-7000-8000-000000000001";

    fn place(attempt: u32, step: u64) -> Place {
        Place { attempt, step }
    }

    /// A store that holds these, each with its place as its text.
    async fn holding(places: &[Place]) -> (tempfile::TempDir, CheckpointStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = CheckpointStore::open(&folder.path().join("store").to_string_lossy()).await.unwrap();
        for place in places {
            let file = folder.path().join("file");
            fs::write(&file, format!("{place:?}")).unwrap();
            store.put(&place.path(TRIAL), &file).await.unwrap();
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

    fn checkpoint(place: Place, text: &str) -> v1::Checkpoint {
        let sha256 = crate::digest::hex(&Sha256::digest(text));
        v1::Checkpoint { path: place.path(TRIAL), sha256, ..v1::Checkpoint::default() }
    }

    #[tokio::test]
    async fn what_was_put_is_fetched_and_what_is_damaged_or_gone_is_not() {
        let saved = place(2, 300);
        let (folder, store) = holding(&[saved]).await;
        let to = folder.path().join("fetched");
        store.fetch(&checkpoint(saved, &format!("{saved:?}")), &to).await.unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), format!("{saved:?}"));
        let damaged = store.fetch(&checkpoint(saved, "another"), &to).await.unwrap_err();
        assert!(matches!(damaged, CheckpointError::Damaged { .. }), "{damaged}");
        assert!(store.fetch(&checkpoint(place(3, 1), ""), &to).await.is_err());
    }

    #[tokio::test]
    async fn a_large_file_is_put_in_parts() {
        let (folder, store) = holding(&[]).await;
        let file = folder.path().join("large");
        let text: String = (0..3 * PART / 8 + 5).map(|number| format!("{number:08}")).collect();
        fs::write(&file, &text).unwrap();
        store.put(&place(1, 1).path(TRIAL), &file).await.unwrap();
        let to = folder.path().join("fetched");
        store.fetch(&checkpoint(place(1, 1), &text), &to).await.unwrap();
        assert!(fs::read(&to).unwrap() == text.as_bytes());
    }

    #[tokio::test]
    async fn older_ones_are_removed_and_those_of_a_newer_attempt_are_not() {
        let (folder, store) = holding(&[place(1, 900), place(2, 5), place(2, 10), place(10, 5)]).await;
        store.prune(TRIAL, place(2, 10), false).await.unwrap();
        assert_eq!(files(&folder), ["10-5.safetensors", "2-10.safetensors"]);
        store.prune(TRIAL, place(10, 5), true).await.unwrap();
        assert_eq!(files(&folder), [] as [&str; 0]);
    }

    #[tokio::test]
    async fn no_path_leads_out_of_the_store() {
        let (folder, store) = holding(&[]).await;
        fs::write(folder.path().join("secret"), "").unwrap();
        for path in ["../secret", "checkpoints/../../secret"] {
            let checkpoint = v1::Checkpoint { path: path.to_owned(), ..v1::Checkpoint::default() };
            let refused = store.fetch(&checkpoint, &folder.path().join("fetched")).await.unwrap_err();
            assert!(matches!(refused, CheckpointError::Path(_)), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_store_is_a_place_that_can_be_written() {
        let problem = CheckpointStore::open("gopher://bucket/models").await.unwrap_err();
        assert!(problem.contains("gopher://") && problem.contains("s3://"), "{problem}");
        assert!(CheckpointStore::open("/proc/nowhere").await.is_err());
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}/new", folder.path().display());
        CheckpointStore::open(&url).await.unwrap();
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 0);
    }

    #[cfg(not(feature = "s3"))]
    #[tokio::test]
    async fn a_build_without_buckets_says_how_to_get_one_with_them() {
        assert!(CheckpointStore::open("s3://bucket").await.unwrap_err().contains("--features s3"));
    }

    /// Against a bucket of one's own, with credentials in `AWS_*` variables.
    #[cfg(feature = "s3")]
    #[tokio::test]
    #[ignore = "wants BATCHSWEEP_TEST_S3=s3://BUCKET/PREFIX"]
    async fn a_bucket_keeps_fetches_and_prunes_as_a_folder_does() {
        let url = std::env::var("BATCHSWEEP_TEST_S3").unwrap();
        let store = CheckpointStore::open(&url).await.unwrap();
        assert!(!format!("{store:?}").contains("key"), "{store:?}");
        let folder = tempfile::tempdir().unwrap();
        let (file, to) = (folder.path().join("large"), folder.path().join("fetched"));
        let text: String = (0..3 * PART / 8 + 5).map(|number| format!("{number:08}")).collect();
        fs::write(&file, &text).unwrap();
        for place in [place(1, 5), place(1, 10), place(2, 5)] {
            store.put(&place.path(TRIAL), &file).await.unwrap();
        }
        store.fetch(&checkpoint(place(1, 10), &text), &to).await.unwrap();
        assert!(fs::read(&to).unwrap() == text.as_bytes());
        store.prune(TRIAL, place(1, 10), false).await.unwrap();
        assert!(store.fetch(&checkpoint(place(1, 5), &text), &to).await.is_err());
        store.fetch(&checkpoint(place(1, 10), &text), &to).await.unwrap();
        store.prune(TRIAL, place(2, u64::MAX), true).await.unwrap();
        let left: Vec<_> = store.objects.list(None).try_collect().await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}
