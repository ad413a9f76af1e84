//! Between the messages of an agent and what they mean to a trainer: the only place that knows both.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use domain::TrialSpec;
use domain::run::MemoryOfKind;
use proto::v1::trainer_event::Kind as EventKind;
use proto::v1::trainer_request::Kind as RequestKind;
use proto::{Wire, WireError, frame, v1};

use super::{Request, Work};
use crate::trainer::device::Description;
use crate::trainer::event::{CheckedModule, Event, PlannedTrial, SavedTrial};
use crate::trainer::memory::MicroBatchCap;
use crate::trainer::session::TrainTrial;
use crate::trainer::state::checkpoint::Checkpointing;

/// The next request; `None` when no more can come.
pub fn read(input: &mut impl Read) -> Option<Request> {
    let request: v1::TrainerRequest = frame::read(input).ok()??;
    Some(match request.kind? {
        RequestKind::Stop(v1::StopTrial { save, conclude }) => Request::Stop { save, conclude },
        RequestKind::Save(v1::SaveTrial {}) => Request::Save,
        RequestKind::Start(v1::StartTrainer { device, memory_limit_bytes, threads, allows_code }) => {
            Request::Work(Work::Start { device, memory_limit: memory_limit_bytes, threads, allows_code })
        }
        RequestKind::Check(v1::CheckModule { path, features }) => {
            Request::Work(Work::Check { path: path.into(), features })
        }
        RequestKind::Plan(v1::PlanTrial { spec, known_memory, only_try_out }) => {
            let work = if only_try_out { Work::TryOut } else { Work::Plan };
            let planned = v1::TrainTrial { spec, known_memory, ..v1::TrainTrial::default() };
            Request::Work(readable(trial(planned).map(work)))
        }
        RequestKind::Train(message) => Request::Work(readable(trial(message).map(Work::Train))),
    })
}

/// Sends an event.
///
/// # Errors
/// When the agent no longer listens.
pub fn write(output: &mut impl Write, event: Event) -> io::Result<()> {
    frame::write(output, &v1::TrainerEvent { kind: Some(message_of(event)) })
}

fn readable(work: Result<Work, WireError>) -> Work {
    work.unwrap_or_else(|error| Work::Unreadable(error.to_string()))
}

fn trial(message: v1::TrainTrial) -> Result<Box<TrainTrial>, WireError> {
    let v1::TrainTrial { spec, known_memory, micro_batch_cap, checkpointing, sweep_id } = message;
    let cap =
        micro_batch_cap.map(|v1::MicroBatchCap { examples, reason }| MicroBatchCap { examples, reason });
    Ok(Box::new(TrainTrial {
        spec: TrialSpec::from_wire(spec.unwrap_or_default())?,
        known_memory: known_memory.into_iter().map(MemoryOfKind::from_wire).collect::<Result<_, _>>()?,
        micro_batch_cap: cap,
        checkpointing: checkpointing_of(checkpointing.unwrap_or_default()),
        sweep_id,
    }))
}

fn checkpointing_of(message: v1::Checkpointing) -> Checkpointing {
    let path = |text: String| (!text.is_empty()).then(|| PathBuf::from(text));
    Checkpointing {
        folder: path(message.folder),
        interval: (message.interval_ms > 0).then(|| Duration::from_millis(message.interval_ms)),
        every_steps: message.every_steps,
        resume_file: path(message.resume_file),
    }
}

fn message_of(event: Event) -> EventKind {
    match event {
        Event::Ready { device, memory_limit } => EventKind::Ready(device_of(device, memory_limit)),
        Event::Planned(planned) => EventKind::Planned(planned_of(planned)),
        Event::Checked(module) => EventKind::Checked(checked_of(module)),
        Event::Resumed { step } => EventKind::Resumed(v1::ResumedTrial { step }),
        Event::Progress(progress) => EventKind::Progress(progress.to_wire()),
        Event::Records(records) => {
            EventKind::Records(v1::Records { records: records.iter().map(Wire::to_wire).collect() })
        }
        Event::Found(findings) => EventKind::Found(findings.to_wire()),
        Event::Saved(SavedTrial { file, sha256, step, examples }) => {
            let (file, sha256) = (file.to_string_lossy().into_owned(), sha256.to_string());
            EventKind::Saved(v1::SavedTrial { file, sha256, step, examples })
        }
        Event::Finished(result) => EventKind::Finished(result.to_wire()),
        Event::Stopped => EventKind::Stopped(v1::StoppedTrial {}),
        Event::Problem { is_fatal, failure } => EventKind::Problem(v1::Problem {
            fatal: is_fatal,
            kind: failure.kind.to_wire().into(),
            message: failure.message,
        }),
        Event::Alive => EventKind::Alive(v1::Alive {}),
    }
}

fn device_of(device: Description, memory_limit_bytes: Option<u64>) -> v1::Device {
    v1::Device {
        name: device.name,
        description: device.model,
        memory_bytes: device.memory_bytes,
        memory_limit_bytes,
        libtorch_version: device.libtorch.to_owned(),
        threads: device.threads,
    }
}

fn planned_of(planned: PlannedTrial) -> v1::PlannedTrial {
    v1::PlannedTrial {
        train_examples: planned.train_examples,
        validation_examples: planned.validation_examples,
        total_steps: planned.total_steps,
        micro_batch: planned.micro_batch,
        accumulation_steps: planned.accumulation_steps,
        memory: Some(planned.memory.to_wire()),
        infeasible: planned.infeasible.unwrap_or_default(),
        probes: planned.probes,
        is_measured: planned.is_measured,
        data: planned.facts.data,
        remarks: planned.facts.remarks,
        seed_sets: planned.facts.seed_sets.map(|sets| sets.to_wire()),
    }
}

fn checked_of(module: CheckedModule) -> v1::CheckedModule {
    v1::CheckedModule {
        signature: module.signature,
        trained_elements: module.trained_elements,
        frozen_elements: module.frozen_elements,
        buffer_elements: module.buffer_elements,
        bytes: module.bytes,
        features: module.features,
        outputs: module.outputs,
        can_be_seeded: module.can_be_seeded,
        takes_whole_numbers: module.takes_whole_numbers,
        accumulation: module.accumulation.to_wire().into(),
    }
}
