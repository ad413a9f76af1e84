//! Where files are kept that outlive a process and are no rows: checkpoints, and what people send along with a sweep. A
//! folder or a bucket; under its path a file is whole, or not there.
//!
//! - [`place`]: from a folder's name or a bucket's URL to a [`Storage`],
//! - [`private`]: who may read it,
//! - [`remains`]: what a killed process left on its way in,
//! - [`writer`]: a file on its way in.

pub mod place;
pub mod private;
mod remains;
pub mod writer;

use std::fmt;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use domain::units::ContentHasher;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub use writer::Writer;

/// Bytes that are on their way to the store at a time.
const PART: usize = 8 << 20;

/// A folder or a bucket. `Debug` does not tell credentials.
#[derive(Clone)]
pub struct Storage {
    objects: Arc<dyn ObjectStore>,
    /// Of a folder: held while it is used.
    _held: Option<Arc<std::fs::File>>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").finish_non_exhaustive()
    }
}

/// Why a file was not kept or not fetched.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The store refused.
    #[error("{0}")]
    Store(object_store::Error),
    /// There is no such file.
    #[error("there is no {0} in the store")]
    Missing(String),
    /// A file here cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// What should be a path within the store is none.
    #[error("`{0}` is no path within a store")]
    Path(String),
    /// What came is not what was meant.
    #[error("its SHA-256 is {found}, not {expected}: it is damaged")]
    Damaged {
        /// As announced.
        expected: String,
        /// As it came.
        found: String,
    },
    /// What came has another length.
    #[error("it has {found} bytes, not {expected}: it is damaged")]
    Length {
        /// As announced.
        expected: u64,
        /// As it came.
        found: u64,
    },
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => Self::Missing(path),
            other => Self::Store(other),
        }
    }
}

type Result<T> = std::result::Result<T, StorageError>;

impl Storage {
    /// Writes and removes a small file.
    async fn check(&self) -> object_store::Result<()> {
        let path = Path::from(format!("{}.check", uuid::Uuid::new_v4()));
        self.objects.put(&path, PutPayload::new()).await?;
        self.objects.delete(&path).await
    }

    /// Starts a file under this path. It is there once the writer says so.
    ///
    /// # Errors
    /// [`StorageError::Path`].
    pub fn writer(&self, path: &str) -> Result<Writer> {
        Ok(Writer::new(Arc::clone(&self.objects), parse(path)?, PART))
    }

    /// Brings a file there.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn put(&self, path: &str, file: &FilePath) -> Result<()> {
        let mut from = File::open(file).await?;
        let mut to = self.writer(path)?;
        loop {
            let mut part = Vec::with_capacity(PART);
            match (&mut from).take(PART as u64).read_to_end(&mut part).await {
                Ok(0) => return to.finish().await,
                Ok(_) => {}
                Err(error) => {
                    to.abort().await;
                    return Err(error.into());
                }
            }
            if let Err(error) = to.write(part.into()).await {
                to.abort().await;
                return Err(error);
            }
        }
    }

    /// The bytes of a file, piece by piece.
    ///
    /// # Errors
    /// [`StorageError`]; each piece may bring one, too.
    pub async fn read(&self, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let found = self.objects.get(&parse(path)?).await?;
        Ok(found.into_stream().map_err(StorageError::from).boxed())
    }

    /// The length of a file in bytes; `None` where there is none.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn length(&self, path: &str) -> Result<Option<u64>> {
        match self.objects.head(&parse(path)?).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Fetches to a file here, and checks that it is the one that was meant, by its SHA-256 as hex digits.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn fetch(&self, path: &str, sha256: &str, file: &FilePath) -> Result<()> {
        let mut parts = self.read(path).await?;
        let mut to = File::create(file).await?;
        let mut hasher = ContentHasher::default();
        while let Some(part) = parts.next().await {
            let part = part?;
            hasher.update(&part);
            to.write_all(&part).await?;
        }
        to.flush().await?;
        let found = hasher.finish().to_string();
        if found == sha256 {
            Ok(())
        } else {
            Err(StorageError::Damaged { expected: sha256.to_owned(), found })
        }
    }

    /// The paths of all files in a folder of the store.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list(&self, folder: &str) -> Result<Vec<String>> {
        let folder = parse(folder)?;
        let found = self.objects.list(Some(&folder)).map_ok(|object| object.location.to_string());
        Ok(found.try_collect().await?)
    }

    /// Removes a file; one that is not there is no mistake.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn delete(&self, path: &str) -> Result<()> {
        match self.objects.delete(&parse(path)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What comes over the wire must not lead out of the store.
fn parse(path: &str) -> Result<Path> {
    Path::parse(path).map_err(|_| StorageError::Path(path.to_owned()))
}

#[cfg(test)]
mod tests;
