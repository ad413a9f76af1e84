//! Device memory: its four parts, the envelope that probes draw of it, the search for the largest micro-batch that
//! fits, and what a fleet knows of all that together.

mod envelope;
mod failures;
mod family;
mod host_oom;
mod known;
mod parts;
mod search;

pub use envelope::Envelope;
pub use failures::Failures;
pub use family::{DeviceKind, digest, training};
pub use host_oom::micro_batch_cap;
pub use known::KnownMemory;
pub use parts::{MemoryParts, StaticParts};
pub use search::{MicroBatchSearch, Next};
