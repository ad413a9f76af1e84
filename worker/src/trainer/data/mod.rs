//! Examples: from a file or a seed into host memory, and from there to the device, one micro-batch at a time.
//!
//! - [`dataset`] and [`inputs`]: examples in host memory, as stored, outside the counted memory of the device,
//! - [`idx`], [`cifar`], [`safetensors`] and [`synthetic`]: where they come from,
//! - [`library`]: which are kept between trials, as long as their files are the same ([`identity`]),
//! - [`prepare`]: from stored numbers to what the model sees,
//! - [`feed`]: micro-batches of an epoch, out of the device's memory ([`resident`]) or the host's ([`streamed`]).

pub mod cifar;
pub mod dataset;
pub mod feed;
mod files;
mod identity;
pub mod idx;
pub mod inputs;
pub mod library;
mod prepare;
mod resident;
mod room;
mod rows;
pub mod safetensors;
mod statistics;
mod streamed;
pub mod synthetic;
mod unpacked;

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
    /// The data brings its own validation examples, and others were to be held out.
    #[error(
        "the file brings its own validation examples (validation_x), and `data.validation` asks to hold out {validation} \
         more; set `validation = 0` in [data], or take validation_x and validation_y out of the file"
    )]
    TwoValidationSets {
        /// Examples to be held out.
        validation: u64,
    },
    /// A number is too large for the precision that it is to be trained in.
    #[error(
        "{path} is not usable as it is: {place} holds {value:e}, over float32's range; set `precision = \"float64\"` in [train], \
         or rescale it in the file"
    )]
    OverRange {
        /// The file.
        path: String,
        /// The example, such as `train_x[0]`.
        place: String,
        /// The number.
        value: f64,
    },
    /// The standard deviation of the training set is over the range of numbers.
    #[error(
        "the inputs are too large for `data.normalize = \"standard\"`: their standard deviation is not a number; scale \
         them down in the file"
    )]
    TooLargeToNormalize,
    /// More than the machine can hold.
    #[error("data of {} does not fit in the host's memory; use fewer or smaller examples", domain::Bytes(*bytes))]
    OverMemory {
        /// What it takes.
        bytes: u64,
    },
    /// libtorch failed while making synthetic data.
    #[error("making synthetic data: {0}")]
    Torch(#[from] crate::shim::TorchError),
}
