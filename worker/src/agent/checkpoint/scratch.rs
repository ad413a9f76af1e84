//! The folder that a trainer writes checkpoints to, one an attempt. It goes with the attempt; one that a killed agent left
//! is removed by the next agent that comes by.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use proto::v1;

const EXTENSION: &str = "checkpoints";
const LOCK: &str = "lock";

/// A folder that is removed with this value, and locked until then.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes one for an attempt.
    ///
    /// # Errors
    /// What the file system says.
    pub fn make(parent: &Path, lease: &v1::Lease) -> io::Result<Self> {
        let folder = parent.join(format!("{}-{}.{EXTENSION}", lease.trial_id, lease.attempt));
        let unfinished = folder.with_extension("unfinished");
        for old in [&folder, &unfinished] {
            if old.exists() {
                fs::remove_dir_all(old)?;
            }
        }
        DirBuilder::new().mode(0o700).create(&unfinished)?;
        let lock = File::create(unfinished.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        // Under its name it is locked already.
        fs::rename(&unfinished, &folder)?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(path = %self.folder.display(), "cannot be removed: {error}");
        }
    }
}

/// Removes what killed agents left there; folders of living ones are locked.
pub fn remove_left_behind(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let is_free = File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_free && let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(path = %path.display(), "cannot be removed: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_attempt_or_with_the_next_agent() {
        let parent = tempfile::tempdir().unwrap();
        let lease = |attempt| v1::Lease { trial_id: "t".to_owned(), attempt, ..v1::Lease::default() };
        let (living, ended) = (
            Scratch::make(parent.path(), &lease(1)).unwrap(),
            Scratch::make(parent.path(), &lease(2)).unwrap(),
        );
        fs::write(ended.path().join("5.safetensors"), "").unwrap();
        drop(ended);
        let killed = parent.path().join("t-3.checkpoints");
        fs::create_dir(&killed).unwrap();
        File::create(killed.join(LOCK)).unwrap();
        remove_left_behind(parent.path());
        let left: Vec<_> = fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [living.path()]);
    }
}
