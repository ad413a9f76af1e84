//! What a trial would take, without training it.

use super::host::Host;
use super::prepare::Preparation;
use super::result::predicted;
use super::trial::TrainTrial;
use crate::trainer::device::meter::{LIMITING, RELEASING};
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::event::PlannedTrial;

/// Opens a trial's data and plans its memory, running a few micro-batches if need be.
///
/// # Errors
/// [`TrialError`]. A trial that does not fit is no error.
pub fn plan(trial: &TrainTrial, host: &mut Host) -> Result<PlannedTrial, TrialError> {
    let probes_before = host.planner.probes();
    let prepared = host.prepare(trial, None)?;
    let probes = host.planner.probes() - probes_before;
    let meter = prepared.as_ref().ok().map(|ready| ready.meter);
    let planned = match prepared {
        Ok(ready) => PlannedTrial {
            train_examples: ready.shape.train_examples,
            validation_examples: ready.shape.validation_examples,
            total_steps: ready.course.total_steps(),
            micro_batch: ready.plan.split.micro_batch(),
            accumulation_steps: ready.plan.split.accumulation_steps(),
            memory: predicted(ready.plan.predicted, ready.account.budget),
            infeasible: None,
            probes,
            is_measured: ready.plan.is_measured,
            facts: ready.facts,
        },
        Err(trial) => PlannedTrial {
            train_examples: trial.shape.train_examples,
            validation_examples: trial.shape.validation_examples,
            total_steps: trial.course.total_steps(),
            memory: predicted(trial.infeasible.needed, trial.budget),
            infeasible: Some(trial.infeasible.message),
            probes,
            facts: trial.facts,
            ..PlannedTrial::default()
        },
    };
    // Nothing is trained, so nothing of it is held.
    if let Some(meter) = meter {
        meter.set_limit(None).doing(LIMITING)?;
        meter.release_cache().doing(RELEASING)?;
    }
    Ok(planned)
}

/// Opens a trial's data and builds its model, and runs no more of it than a few examples: whether they can be read, built and
/// put together.
///
/// # Errors
/// [`TrialError`]. A trial that cannot be trained for its batch size or its memory is no error.
pub fn try_out(trial: &TrainTrial, host: &mut Host) -> Result<PlannedTrial, TrialError> {
    let mut preparation = Preparation::begin(host, trial, None)?;
    let built = preparation.build_and_place();
    preparation.meter.set_limit(None).doing(LIMITING)?;
    let learner = match built {
        Ok(learner) => Some(learner),
        Err(error) if error.is_out_of_memory() => None,
        Err(error) => return Err(error),
    };
    let shape = &preparation.dataset.shape;
    Ok(PlannedTrial {
        train_examples: shape.train_examples,
        validation_examples: shape.validation_examples,
        total_steps: preparation.course.total_steps(),
        infeasible: preparation.untrainable().map(|infeasible| infeasible.message),
        facts: preparation.facts(learner.as_ref()),
        ..PlannedTrial::default()
    })
}
