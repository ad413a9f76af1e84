//! What a trial's worker found out that others can use.

use crate::memory::KnownMemory;
use crate::units::ContentHash;

/// What was found; only what was not known before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Hash of the files that the data was read from; `None` where there are none.
    pub data_sha256: Option<ContentHash>,
    /// Memory that was measured, or was too little.
    pub memory: Vec<MemoryOfKind>,
}

impl Findings {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data_sha256.is_none() && self.memory.is_empty()
    }
}

/// What is known of the memory of trials of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryOfKind {
    /// Hash of all that the memory of such trials depends on.
    pub kind: ContentHash,
    /// The same in words, for people; empty on the way to a worker.
    pub description: String,
    /// What is known.
    pub memory: KnownMemory,
}
