//! Who writes for a trial: leases and their orders. And how far a sweep is.

use domain::lifecycle::SweepState;
use domain::run::{HeldState, Lease, LeaseOrder, LeaseToken};
use domain::units::Attempt;

use super::{Wire, WireError, parsed, unspecified};
use crate::v1;

pub(super) fn attempt(field: &'static str, number: u32) -> Result<Attempt, WireError> {
    Attempt::try_from(i64::from(number)).map_err(|error| WireError::new(field, error))
}

impl Wire for Lease {
    type Message = v1::Lease;

    fn to_wire(&self) -> v1::Lease {
        v1::Lease {
            trial_id: self.trial_id.to_string(),
            attempt: self.attempt.get(),
            token: self.token.0.clone(),
        }
    }

    fn from_wire(message: v1::Lease) -> Result<Self, WireError> {
        Ok(Self {
            trial_id: parsed("lease.trial_id", &message.trial_id)?,
            attempt: attempt("lease.attempt", message.attempt)?,
            token: LeaseToken(message.token),
        })
    }
}

impl Wire for LeaseOrder {
    type Message = v1::LeaseOrder;

    fn to_wire(&self) -> v1::LeaseOrder {
        match self {
            Self::Continue => v1::LeaseOrder::Continue,
            Self::Lost => v1::LeaseOrder::Lost,
            Self::Stop => v1::LeaseOrder::Stop,
            Self::HandOver => v1::LeaseOrder::HandOver,
            Self::Conclude => v1::LeaseOrder::Conclude,
        }
    }

    fn from_wire(message: v1::LeaseOrder) -> Result<Self, WireError> {
        Ok(match message {
            v1::LeaseOrder::Continue => Self::Continue,
            v1::LeaseOrder::Lost => Self::Lost,
            v1::LeaseOrder::Stop => Self::Stop,
            v1::LeaseOrder::HandOver => Self::HandOver,
            v1::LeaseOrder::Conclude => Self::Conclude,
            v1::LeaseOrder::Unspecified => return Err(unspecified("order")),
        })
    }
}

impl Wire for HeldState {
    type Message = v1::HeldState;

    fn to_wire(&self) -> v1::HeldState {
        match self {
            Self::Ours => v1::HeldState::Ours,
            Self::Lost => v1::HeldState::Lost,
            Self::Unknown => v1::HeldState::Unknown,
        }
    }

    fn from_wire(message: v1::HeldState) -> Result<Self, WireError> {
        Ok(match message {
            v1::HeldState::Ours => Self::Ours,
            v1::HeldState::Lost => Self::Lost,
            v1::HeldState::Unknown => Self::Unknown,
            v1::HeldState::Unspecified => return Err(unspecified("held")),
        })
    }
}

impl Wire for SweepState {
    type Message = v1::SweepState;

    fn to_wire(&self) -> v1::SweepState {
        match self {
            Self::Active => v1::SweepState::Active,
            Self::Paused => v1::SweepState::Paused,
            Self::Cancelled => v1::SweepState::Cancelled,
            Self::Finished => v1::SweepState::Finished,
        }
    }

    fn from_wire(message: v1::SweepState) -> Result<Self, WireError> {
        Ok(match message {
            v1::SweepState::Active => Self::Active,
            v1::SweepState::Paused => Self::Paused,
            v1::SweepState::Cancelled => Self::Cancelled,
            v1::SweepState::Finished => Self::Finished,
            v1::SweepState::Unspecified => return Err(unspecified("state")),
        })
    }
}
