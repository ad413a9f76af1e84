//! What a local stack consists of, and for how long.

use std::path::PathBuf;

/// What to start where nothing runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackOptions {
    /// The workers; `None` for a stack that only answers questions.
    pub workers: Option<Workers>,
    /// Whether it outlives this command.
    pub lifetime: Lifetime,
}

/// Workers of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// One device a worker, such as `cpu` or `cuda:0`.
    pub devices: Vec<String>,
    /// CPU threads of each.
    pub threads: usize,
    /// Device memory that each may use, such as `512MiB`; `None` for no limit.
    pub memory_limit: Option<String>,
    /// The Python interpreter for models of kind python; `None` for that of the environment.
    pub python: Option<PathBuf>,
}

/// Whether what is started outlives this command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// It ends with this command, however this command ends.
    WithUs,
    /// It stays until `down`.
    Stays,
}
