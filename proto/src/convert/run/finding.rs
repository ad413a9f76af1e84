use domain::memory::{KnownMemory, MicroBatchSearch};
use domain::run::{Findings, MemoryOfKind};

use crate::convert::{Wire, WireError, parsed};
use crate::v1;

impl Wire for Findings {
    type Message = v1::Findings;

    fn to_wire(&self) -> v1::Findings {
        v1::Findings {
            data_sha256: self.data_sha256.map(|hash| hash.to_string()).unwrap_or_default(),
            memory: self.memory.iter().map(Wire::to_wire).collect(),
        }
    }

    fn from_wire(message: v1::Findings) -> Result<Self, WireError> {
        let data_sha256 = Some(message.data_sha256).filter(|hash| !hash.is_empty());
        Ok(Self {
            data_sha256: data_sha256.map(|hash| parsed("findings.data_sha256", &hash)).transpose()?,
            memory: message.memory.into_iter().map(MemoryOfKind::from_wire).collect::<Result<_, _>>()?,
        })
    }
}

impl Wire for MemoryOfKind {
    type Message = v1::KnownMemory;

    fn to_wire(&self) -> v1::KnownMemory {
        v1::KnownMemory {
            kind: self.kind.to_string(),
            description: self.description.clone(),
            whole: Some(steps_to_wire(&self.memory.whole)),
            accumulated: Some(steps_to_wire(&self.memory.accumulated)),
        }
    }

    /// A step of no examples says nothing and is left out.
    fn from_wire(message: v1::KnownMemory) -> Result<Self, WireError> {
        let steps = |steps: Option<v1::KnownSteps>| steps.map(steps_from_wire).unwrap_or_default();
        Ok(Self {
            kind: parsed("findings.memory.kind", &message.kind)?,
            description: message.description,
            memory: KnownMemory { whole: steps(message.whole), accumulated: steps(message.accumulated) },
        })
    }
}

fn steps_to_wire(search: &MicroBatchSearch) -> v1::KnownSteps {
    let measured = search.envelope().points();
    let failed = search.failures().iter();
    v1::KnownSteps {
        measured: measured.map(|(micro_batch, bytes)| v1::MeasuredStep { micro_batch, bytes }).collect(),
        failed: failed.map(|(micro_batch, room_bytes)| v1::FailedStep { micro_batch, room_bytes }).collect(),
    }
}

fn steps_from_wire(message: v1::KnownSteps) -> MicroBatchSearch {
    let mut search = MicroBatchSearch::default();
    for step in message.measured.iter().filter(|step| step.micro_batch > 0) {
        search.record_fit(step.micro_batch, step.bytes);
    }
    for step in message.failed.iter().filter(|step| step.micro_batch > 0) {
        search.record_failure(step.micro_batch, step.room_bytes);
    }
    search
}
