//! Device memory: its four parts, the envelope that probes draw of it, and the search for the largest
//! micro-batch that fits.

mod envelope;
mod parts;
mod search;

pub use envelope::Envelope;
pub use parts::{MemoryParts, StaticParts};
pub use search::{MicroBatchSearch, Next};
