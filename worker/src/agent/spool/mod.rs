//! What an attempt has to tell, on the disk until the coordinator has acknowledged it.
//!
//! One file an attempt, append-only and checksummed. While the coordinator is away the trainer trains on and the file
//! grows; when the agent itself is killed, the next one on this machine hands in what it left. The coordinator numbers
//! records and refuses gaps, so what is sent twice changes nothing.
//!
//! - [`frame`]: one entry and its checksum,
//! - [`mod@file`]: the file of an attempt, made, read again, and its torn tail cut off,
//! - [`backlog`]: which records wait, in memory, on file, or in memory because the disk is full,
//! - [`replay`]: hands in what an earlier process left.

pub mod backlog;
pub mod file;
pub mod frame;
pub mod replay;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use proto::v1;

use file::{EXTENSION, LeftBehind, SpoolFile};

/// Files taken up at one start at most; the others have their turn at the next.
const AT_ONCE: usize = 256;

/// The folder of a worker's spool files. Several workers may share one.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
    worker: String,
    limit: u64,
}

impl Spool {
    /// Opens the folder, or makes it: a lease's secret is in its files, so nobody else may look.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn open(folder: &Path, worker: &str, limit: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        tempfile_check(folder)?;
        Ok(Self { folder: folder.to_owned(), worker: worker.to_owned(), limit })
    }

    /// A file for an attempt; `None`, with a word in the log, where that cannot be.
    #[must_use]
    pub fn file(&self, lease: &v1::Lease) -> Option<SpoolFile> {
        SpoolFile::create(&self.folder, lease, &self.worker, self.limit)
            .inspect_err(|error| {
                let folder = self.folder.display();
                tracing::warn!("no spool in {folder}: {error}; what this attempt tells waits in memory");
            })
            .ok()
    }

    /// What earlier processes left, oldest first; files of living ones are not among them.
    #[must_use]
    pub fn left_behind(&self) -> Vec<(SpoolFile, LeftBehind)> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let modified = |path: &PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let mut paths: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
            .collect();
        paths.sort_by_cached_key(modified);
        let mut left = Vec::new();
        for path in paths.into_iter().take(AT_ONCE) {
            match SpoolFile::reopen(&path, self.limit) {
                Ok(found) => left.extend(found),
                Err(error) => {
                    tracing::warn!(path = %path.display(), "a spool file cannot be read and is left: {error}");
                }
            }
        }
        left
    }
}

/// Whether files can be made there: better told at the start than in the middle of a trial.
fn tempfile_check(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!("{}.check", std::process::id()));
    fs::write(&path, b"")?;
    fs::remove_file(&path)
}
