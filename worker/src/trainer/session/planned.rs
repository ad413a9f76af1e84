//! What a trial would take, without training it.

use super::host::Host;
use super::result::predicted;
use super::trial::TrainTrial;
use crate::trainer::error::TrialError;
use crate::trainer::event::PlannedTrial;

/// Opens a trial's data and plans its memory, running a few micro-batches if need be.
///
/// # Errors
/// [`TrialError`]. A trial that does not fit is no error.
pub fn plan(trial: &TrainTrial, host: &mut Host) -> Result<PlannedTrial, TrialError> {
    let probes_before = host.planner.probes();
    let prepared = host.prepare(trial, None)?;
    let probes = host.planner.probes() - probes_before;
    Ok(match prepared {
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
    })
}

/// Opens a trial's data and builds its model, and plans nothing.
///
/// # Errors
/// [`TrialError`]. A trial that cannot be trained for its batch size is no error.
pub fn try_out(trial: &TrainTrial, host: &mut Host) -> Result<PlannedTrial, TrialError> {
    let tried = host.try_out(trial)?;
    Ok(PlannedTrial {
        train_examples: tried.shape.train_examples,
        validation_examples: tried.shape.validation_examples,
        total_steps: tried.course.total_steps(),
        infeasible: tried.infeasible,
        facts: tried.facts,
        ..PlannedTrial::default()
    })
}
