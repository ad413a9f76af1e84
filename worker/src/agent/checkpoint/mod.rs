//! A trial's state outlives its attempt: the trainer writes it to a file now and then, the agent brings that to a store and
//! tells the coordinator, and the next attempt, wherever it is made, goes on from there.
//!
//! - [`store`]: where the files are kept,
//! - [`scratch`]: where the trainer writes them,
//! - [`removal`]: removes those that nothing goes on from any more,
//! - [`link`]: brings those of one attempt to the store, and fetches the one that it goes on from.

pub mod link;
pub mod removal;
pub mod scratch;
pub mod store;

use std::path::PathBuf;
use std::time::Duration;

use store::CheckpointStore;

/// How the trials of one agent are saved.
#[derive(Debug, Clone)]
pub struct Checkpointing {
    /// Where to.
    pub store: CheckpointStore,
    /// The folder for files on their way.
    pub scratch: PathBuf,
    /// How often; `None` for only when the worker stops or is asked to.
    pub interval: Option<Duration>,
    /// Besides, at every step that is a multiple of this; 0 for never.
    pub every_steps: u64,
}
