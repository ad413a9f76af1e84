use domain::run::FailureKind;

use crate::convert::{Wire, WireError, unspecified};
use crate::v1;

impl Wire for FailureKind {
    type Message = v1::FailureKind;

    fn to_wire(&self) -> v1::FailureKind {
        match self {
            Self::Input => v1::FailureKind::Input,
            Self::Files => v1::FailureKind::Files,
            Self::Trainer => v1::FailureKind::Trainer,
            Self::Crash => v1::FailureKind::Crash,
            Self::SuspectedHostOom => v1::FailureKind::SuspectedHostOom,
            Self::Hung => v1::FailureKind::Hung,
            Self::SpoolFull => v1::FailureKind::SpoolFull,
        }
    }

    fn from_wire(message: v1::FailureKind) -> Result<Self, WireError> {
        Ok(match message {
            v1::FailureKind::Input => Self::Input,
            v1::FailureKind::Files => Self::Files,
            v1::FailureKind::Trainer => Self::Trainer,
            v1::FailureKind::Crash => Self::Crash,
            v1::FailureKind::SuspectedHostOom => Self::SuspectedHostOom,
            v1::FailureKind::Hung => Self::Hung,
            v1::FailureKind::SpoolFull => Self::SpoolFull,
            v1::FailureKind::Unspecified => return Err(unspecified("kind")),
        })
    }
}
