//! The store of files that are sent along with sweeps.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::units::ContentHash;
use proto::Reason;
use storage::{Storage, StorageError};
use tokio::sync::OnceCell;
use tonic::Status;

use crate::access::status::of_store;
use crate::config::UploadLimits;
use crate::store::Store;
use crate::store::upload::{self, Read};

/// The folder of such files within the store, which may hold more than them.
const FOLDER: &str = "uploads";

/// Where the files are kept. It is opened when it is first needed: most coordinators never do.
#[derive(Debug)]
pub struct Uploads {
    place: String,
    limits: UploadLimits,
    /// Bytes that each principal is sending now.
    coming: Mutex<HashMap<Option<String>, u64>>,
    storage: OnceCell<Storage>,
}

/// Bytes that a principal is sending; they count until this is dropped.
#[derive(Debug)]
pub struct Coming<'a> {
    uploads: &'a Uploads,
    by: Option<String>,
    bytes: u64,
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        let mut coming = self.uploads.coming.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = coming.get_mut(&self.by) {
            *bytes -= self.bytes;
            if *bytes == 0 {
                coming.remove(&self.by);
            }
        }
    }
}

impl Uploads {
    /// At this folder or bucket, within these limits.
    #[must_use]
    pub fn new(place: String, limits: UploadLimits) -> Self {
        Self { place, limits, coming: Mutex::default(), storage: OnceCell::new() }
    }

    /// How much is taken.
    #[must_use]
    pub fn limits(&self) -> UploadLimits {
        self.limits
    }

    /// Makes room for a file of a principal of whose files `kept` bytes are here; `None` where that is more than its share.
    #[must_use]
    pub fn reserve(&self, by: Option<&str>, kept: u64, bytes: u64) -> Option<Coming<'_>> {
        let by = by.map(str::to_owned);
        let mut all = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let coming = all.get(&by).copied().unwrap_or_default().checked_add(bytes)?;
        (kept.checked_add(coming)? <= self.limits.quota).then(|| {
            all.insert(by.clone(), coming);
            Coming { uploads: self, by, bytes }
        })
    }

    /// Whether a file of this hash and so many bytes is here.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` where the store cannot be used; unavailable where it does not answer.
    pub async fn has(&self, hash: ContentHash, bytes: u64) -> Result<bool, Status> {
        let length = self.storage().await?.length(&path(hash)).await;
        length.map(|length| length == Some(bytes)).map_err(|error| unreadable(&error))
    }

    /// The store.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` where it cannot be used.
    pub async fn storage(&self) -> Result<&Storage, Status> {
        let opened = self.storage.get_or_try_init(|| Storage::open(&self.place)).await;
        opened.map_err(|problem| {
            tracing::warn!(place = self.place, "the store of uploads cannot be used: {problem}");
            let message = format!(
                "this coordinator cannot keep files that are sent along: its store cannot be used ({problem})\nhint: whoever \
                 runs it can name another place with --upload-store; or put the file on the workers, and use `path`"
            );
            Reason::StoreUnavailable.status(message)
        })
    }
}

/// Where a file is within the store.
#[must_use]
pub fn path(hash: ContentHash) -> String {
    format!("{FOLDER}/{hash}")
}

/// The store has the file and does not give it: perhaps it does later.
pub fn unreadable(error: &StorageError) -> Status {
    tracing::warn!("the store of uploads cannot be read: {error}");
    Status::unavailable(format!("the coordinator's store cannot be read: {error}"))
}

/// Removes those of these files that no sweep reads any more; how many bytes that frees.
///
/// # Errors
/// As [`forget`], which removes them later.
pub async fn forget_left(store: &Store, uploads: &Uploads, read: &[Read]) -> Result<u64, Status> {
    if read.is_empty() {
        return Ok(0);
    }
    let mut transaction = store.begin().await.map_err(of_store)?;
    let forgotten = upload::forget_left(&mut transaction, read).await.map_err(of_store)?;
    remove(uploads, forgotten.iter().map(|&(hash, _)| hash)).await?;
    transaction.commit().await.map_err(|error| of_store(error.into()))?;
    Ok(forgotten.iter().map(|(_, bytes)| bytes).sum())
}

async fn remove(uploads: &Uploads, hashes: impl Iterator<Item = ContentHash>) -> Result<(), Status> {
    for hash in hashes {
        uploads.storage().await?.delete(&path(hash)).await.map_err(|error| unreadable(&error))?;
    }
    Ok(())
}

/// Removes files that no sweep reads and nobody asked for since `age`; how many.
///
/// # Errors
/// When the database or the store is out of reach; what was not removed then is, the next time.
pub async fn forget(store: &Store, uploads: &Uploads, age: Duration) -> Result<usize, Status> {
    let mut transaction = store.begin().await.map_err(of_store)?;
    let forgotten = upload::forget(&mut transaction, age).await.map_err(of_store)?;
    remove(uploads, forgotten.iter().copied()).await?;
    transaction.commit().await.map_err(|error| of_store(error.into()))?;
    Ok(forgotten.len())
}
