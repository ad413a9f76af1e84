//! Examples: from a file or a seed into host memory, and from there to the device, one micro-batch at a time.
//!
//! - [`dataset`]: examples in host memory, as stored, outside the counted memory of the device,
//! - [`idx`] and [`synthetic`]: where they come from,
//! - [`library`]: which are kept between trials,
//! - [`prepare`]: from stored numbers to what the model sees,
//! - [`feed`]: micro-batches of an epoch, out of the device's memory ([`resident`]) or the host's ([`streamed`]).

pub mod dataset;

pub mod idx;

pub mod synthetic;

pub mod library;

mod prepare;

pub mod feed;

mod resident;

mod streamed;

pub use dataset::Dataset;
pub use feed::{Examples, Feed};
pub use library::Library;

/// Data that cannot be used, with the reason and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file is missing or cannot be read.
    #[error("cannot read {path}: {source}; {help}")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// What the system says.
        source: std::io::Error,
        /// What to do.
        help: String,
    },
    /// A file does not hold what it should.
    #[error("{path} is not usable: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The hold-out leaves nothing.
    #[error(
        "holding out {validation} of {available} examples leaves none to train on; lower `data.validation`"
    )]
    NothingToTrainOn {
        /// Examples held out.
        validation: u64,
        /// Examples there are.
        available: u64,
    },
    /// Another version of the worker reads it.
    #[error("data format \"{0}\" is not supported yet by this worker")]
    Unsupported(&'static str),
    /// libtorch failed while making synthetic data.
    #[error("making synthetic data: {0}")]
    Torch(#[from] crate::shim::TorchError),
}
