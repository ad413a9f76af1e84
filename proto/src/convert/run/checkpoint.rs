use domain::run::Checkpoint;

use crate::convert::fleet::attempt;
use crate::convert::{Wire, WireError, parsed};
use crate::v1;

impl Wire for Checkpoint {
    type Message = v1::Checkpoint;

    fn to_wire(&self) -> v1::Checkpoint {
        v1::Checkpoint {
            attempt: self.attempt.get(),
            step: self.step,
            examples: self.examples,
            last_seq: self.last_seq,
            path: self.path.clone(),
            sha256: self.sha256.to_string(),
            bytes: self.bytes,
        }
    }

    fn from_wire(message: v1::Checkpoint) -> Result<Self, WireError> {
        Ok(Self {
            attempt: attempt("checkpoint.attempt", message.attempt)?,
            step: message.step,
            examples: message.examples,
            last_seq: message.last_seq,
            path: message.path,
            sha256: parsed("checkpoint.sha256", &message.sha256)?,
            bytes: message.bytes,
        })
    }
}
