//! A single file that trials read: on the worker, or sent along with the sweep.

use crate::units::ContentHash;

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSource {
    /// `path`: it is on the worker, under this path.
    OnWorker(String),
    /// `upload`: whoever submitted the sweep sent it along; workers fetch it from the coordinator.
    Upload(Upload),
}

/// A file that was sent along. What it is is its hash; the name is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The file's own name, without its folder.
    pub name: String,
    /// The SHA-256 of its bytes, which names it in stores.
    pub hash: ContentHash,
    /// Its length in bytes.
    pub bytes: u64,
}

impl FileSource {
    /// The path on the worker; `None` for a file that was sent along.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::OnWorker(path) => Some(path),
            Self::Upload(_) => None,
        }
    }

    /// The file that was sent along, if it is one.
    #[must_use]
    pub fn upload(&self) -> Option<&Upload> {
        match self {
            Self::OnWorker(_) => None,
            Self::Upload(upload) => Some(upload),
        }
    }
}

impl Upload {
    /// Whether a name is one of a file, and leads nowhere else: workers keep the file under it.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        let is_path = name.contains(['/', '\\', '\0']) || matches!(name, "" | "." | "..");
        !is_path && name.len() <= 128
    }
}
