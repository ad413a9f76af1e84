//! Where a trial's state between two steps is kept.

use crate::units::{Attempt, ContentHash};

/// A file that holds a trial's state. A later attempt goes on from it with the same bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The attempt that saved it.
    pub attempt: Attempt,
    /// Optimizer steps done.
    pub step: u64,
    /// Training examples seen.
    pub examples: u64,
    /// Number of the attempt's last record before it.
    pub last_seq: u64,
    /// Where it is, by a path within the workers' checkpoint store: relative, without `.` or `..`.
    pub path: String,
    /// Hash of the file.
    pub sha256: ContentHash,
    /// Its size.
    pub bytes: u64,
}
