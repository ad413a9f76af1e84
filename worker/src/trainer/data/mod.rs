//! Examples: from a file or a seed into host memory, and from there to the device, one micro-batch at a time.
//!
//! - [`dataset`] and [`mod@column`]: examples in host memory, as stored, outside the counted memory of the device,
//! - [`idx`], [`cifar`], [`arrays`], [`python`] and [`synthetic`]: where they come from; [`items`]: those that are read again each
//!   time,
//! - [`raw`]: from what a reader found to a data set; [`library`]: which are kept between trials, as long as their files are the same ([`identity`]),
//! - [`prepare`]: from stored numbers to what the model sees,
//! - [`feed`]: micro-batches of an epoch, out of the device's memory ([`resident`]) or the host's ([`streamed`]).

mod arrays;
pub mod cifar;
pub mod column;
pub mod dataset;
mod examples;
pub mod feed;
mod files;
mod identity;
pub mod idx;
mod items;
pub mod library;
mod prepare;
mod python;
mod raw;
mod resident;
mod room;
mod rows;
mod seen;
mod statistics;
mod streamed;
pub mod synthetic;
mod unpacked;
mod wanted;

use domain::problem::TaskError;

pub use arrays::Layouts;
pub use dataset::Dataset;
pub use examples::Examples;
pub use feed::Feed;
pub use library::Library;
pub use prepare::TargetForm;

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
    /// Examples that are read anew each time have no statistics.
    #[error(
        "`data.normalize = \"standard\"` needs examples that stay the same, and these are read anew each time, as they draw random \
         numbers or are too large to keep; scale them in the data set, and set `normalize = \"none\"`"
    )]
    NothingToNormalizeBy,
    /// The loss makes no sense of the targets.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// More than the machine can hold.
    #[error("data of {} does not fit in the host's memory; use fewer or smaller examples", domain::Bytes(*bytes))]
    OverMemory {
        /// What it takes.
        bytes: u64,
    },
    /// libtorch failed, or code of the user's.
    #[error("reading the data: {0}")]
    Torch(#[from] crate::shim::TorchError),
}
