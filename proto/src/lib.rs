//! The wire: `batchsweep.v1`, and the only code that converts its messages to domain types.
//!
//! - [`v1`]: what the `.proto` files generate; their comments are its documentation,
//! - [`convert`]: the conversions between its messages and domain types, both directions of a type in one place,
//! - [`reason`]: the stable reasons that errors carry,
//! - [`token`]: what callers show of themselves, and [`connection`]: how they reach a coordinator,
//! - [`frame`]: the messages between an agent and its trainer on a byte stream.

/// Messages, clients and servers as generated.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod v1 {
    tonic::include_proto!("batchsweep.v1");
}

pub mod convert;

pub mod reason;

pub mod token;

pub mod connection;

pub mod frame;

pub use convert::{Wire, WireError, table};
pub use reason::Reason;
pub use token::Token;

/// The file descriptors, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/batchsweep.bin"));

/// Spoken by this build between workers and coordinators. Raise it when an old worker would misread a new
/// coordinator or the other way round; adding a field that may be ignored is no reason.
pub const PROTOCOL_VERSION: u32 = 1;

/// The largest message either side sends or takes, in bytes. A batch of records stays far below
/// ([`MAX_RECORDS`]); a table of results of a large sweep needs it.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// Records in one `ReportMetrics` call at most.
pub const MAX_RECORDS: usize = 5_000;

/// Where a coordinator listens for gRPC by default.
pub const DEFAULT_GRPC_PORT: u16 = 7070;
