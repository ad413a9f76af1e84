use domain::run::{Phase, Progress};

use crate::convert::{Wire, WireError};
use crate::v1;

impl Wire for Progress {
    type Message = v1::Progress;

    fn to_wire(&self) -> v1::Progress {
        let phase = match self.phase {
            Phase::Preparing => v1::Phase::Preparing,
            Phase::Training => v1::Phase::Training,
            Phase::Evaluating => v1::Phase::Evaluating,
        };
        v1::Progress {
            phase: phase.into(),
            step: self.step,
            total_steps: self.total_steps,
            train_loss: self.train_loss,
            micro_batch: self.micro_batch,
        }
    }

    /// Without a phase a trial is still being prepared: heartbeats begin before its trainer says anything.
    fn from_wire(message: v1::Progress) -> Result<Self, WireError> {
        Ok(Self {
            phase: match message.phase() {
                v1::Phase::Unspecified | v1::Phase::Preparing => Phase::Preparing,
                v1::Phase::Training => Phase::Training,
                v1::Phase::Evaluating => Phase::Evaluating,
            },
            step: message.step,
            total_steps: message.total_steps,
            train_loss: message.train_loss.filter(|loss| loss.is_finite()),
            micro_batch: message.micro_batch,
        })
    }
}
