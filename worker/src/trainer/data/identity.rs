//! Whether a file is still the one that was read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file as it was at one moment: by its place on the disk, its size, and the times of its last changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileIdentity {
    path: PathBuf,
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    /// Of the file's entry on the disk: it moves also where a program sets the time of modification back.
    changed: (i64, i64),
    /// Whether it had been left alone for long enough that a later change has another time.
    is_settled: bool,
}

/// File systems count times in steps of up to two seconds.
const COARSEST_CLOCK: Duration = Duration::from_secs(2);

impl FileIdentity {
    /// The file at this path, as it is now.
    ///
    /// # Errors
    /// Where there is none, or it may not be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let last_change = u64::try_from(found.mtime().max(found.ctime())).unwrap_or(0);
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
            is_settled: Duration::from_secs(last_change) + COARSEST_CLOCK < now,
        })
    }

    /// Where it is, for people.
    #[must_use]
    pub fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether the file at its path is still the same, beyond doubt.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.is_settled && Self::of(&self.path).is_ok_and(|now| now == *self)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};

    use super::*;

    #[test]
    fn a_file_is_the_same_until_it_is_written_replaced_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        fs::write(&path, "one").unwrap();
        let fresh = FileIdentity::of(&path).unwrap();
        assert!(!fresh.is_unchanged(), "a change within the same tick of the clock would not show");
        let settled = |identity: FileIdentity| FileIdentity { is_settled: true, ..identity };
        let as_settled = settled(FileIdentity::of(&path).unwrap());
        let is_same =
            |identity: &FileIdentity| FileIdentity::of(&path).is_ok_and(|now| settled(now) == *identity);
        assert!(is_same(&as_settled));
        // Another file of the same size and time of modification, as `cp --preserve` and `mv` leave it.
        let other = folder.path().join("other");
        fs::write(&other, "two").unwrap();
        let times = FileTimes::new().set_modified(fs::metadata(&path).unwrap().modified().unwrap());
        File::options().write(true).open(&other).unwrap().set_times(times).unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(!is_same(&as_settled));
        fs::remove_file(&path).unwrap();
        assert!(!as_settled.is_unchanged());
    }
}
