//! A file on its way into a store.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use domain::units::{ContentHash, ContentHasher};
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use tokio::io::AsyncWriteExt;

use crate::{Result, StorageError};

/// Takes a file in pieces. Without [`Writer::finish`] nothing is kept.
pub struct Writer {
    to: BufWriter,
    hasher: ContentHasher,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl Writer {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, path: Path, part: usize) -> Self {
        Self { to: BufWriter::with_capacity(objects, path, part), hasher: ContentHasher::default() }
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.hasher.bytes()
    }

    /// The next piece.
    ///
    /// # Errors
    /// [`StorageError`]; what was taken is then best given up.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.hasher.update(&piece);
        Ok(self.to.put(piece).await?)
    }

    /// Keeps what came.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn finish(mut self) -> Result<()> {
        Ok(self.to.shutdown().await?)
    }

    /// Keeps what came if it is what was announced: so many bytes with this hash.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn finish_as(self, hash: ContentHash, bytes: u64) -> Result<()> {
        let found = self.bytes();
        if found != bytes {
            self.abort().await;
            return Err(StorageError::Length { expected: bytes, found });
        }
        let found = self.hasher.clone().finish();
        if found != hash {
            self.abort().await;
            return Err(StorageError::Damaged { expected: hash.to_string(), found: found.to_string() });
        }
        self.finish().await
    }

    /// Gives up what came.
    pub async fn abort(mut self) {
        // What is left behind then is not under any file's path.
        let _ = self.to.abort().await;
    }
}
