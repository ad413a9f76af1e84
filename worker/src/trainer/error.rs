//! Why a trial ended without a result.

use domain::architecture::ArchitectureError;
use domain::run::{Failure, FailureKind};

use super::data::DataError;
use crate::shim::{TorchError, TorchErrorKind};

/// A trial, or its plan, that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The data is missing or broken.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model does not fit the data.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The user's module cannot be used.
    #[error("{path} cannot be used as a model: {reason}; {help}")]
    Module {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        help: &'static str,
    },
    /// What the user's code gives is not what training takes.
    #[error("{path}: {reason}; {help}")]
    Code {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        help: String,
    },
    /// Asked for something that this worker cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// libtorch failed.
    #[error("{doing}: {source}")]
    Torch {
        /// During what.
        doing: &'static str,
        /// libtorch's words.
        source: TorchError,
    },
    /// The model or the data is a program of its user's, and this worker was started without leave to run those.
    #[error(
        "this worker runs no code of users, and the model or the data is some; start it with --allow-code to let it"
    )]
    CodeNotAllowed,
    /// No device was named before.
    #[error("the trainer was asked to work before it was told where")]
    NotStarted,
    /// The agent no longer listens.
    #[error("cannot report to the agent: {0}")]
    Report(#[from] std::io::Error),
}

impl TrialError {
    /// As it is reported.
    #[must_use]
    pub fn failure(&self) -> Failure {
        Failure { kind: self.kind(), message: self.to_string() }
    }

    /// What kind of error, which says whether trying again may help.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Torch { source, .. } | Self::Data(DataError::Torch(source))
                if source.kind == TorchErrorKind::UsersCode =>
            {
                FailureKind::Input
            }
            Self::Data(DataError::Torch(_)) | Self::Torch { .. } | Self::NotStarted | Self::Report(_) => {
                FailureKind::Trainer
            }
            Self::Data(DataError::Unreadable { .. } | DataError::Malformed { .. })
            | Self::Module { .. }
            | Self::CodeNotAllowed => FailureKind::Files,
            Self::Data(_) | Self::Architecture(_) | Self::Code { .. } | Self::Unsupported(_) => {
                FailureKind::Input
            }
        }
    }

    /// Whether less of everything may do.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Torch { source, .. } if source.is_out_of_memory())
    }

    /// Whether this process can no longer be used.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Torch { source, .. } => source.kind == TorchErrorKind::DeviceFatal,
            Self::NotStarted | Self::Report(_) => true,
            _ => false,
        }
    }
}

/// Says what was being done when libtorch failed.
pub(super) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, TrialError>;
}

impl<T> Doing<T> for Result<T, TorchError> {
    fn doing(self, what: &'static str) -> Result<T, TrialError> {
        self.map_err(|source| TrialError::Torch { doing: what, source })
    }
}
