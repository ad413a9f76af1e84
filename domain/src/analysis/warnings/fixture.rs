//! Trials for the tests of the rules.

use super::Warning;
use crate::analysis::{TrialRecord, analyze};
use crate::lifecycle::TrialStatus;
use crate::spec::TrainSpec;

/// Three epochs over 1000 examples, ended with this train-set loss.
pub fn trained(batch_size: u64, learning_rate: f64, loss: f64) -> TrialRecord {
    TrialRecord {
        steps: Some(3 * 1000u64.div_ceil(batch_size)),
        examples: Some(3000),
        epochs: Some(3.0),
        train_set_loss: Some(loss),
        ..TrialRecord::new(batch_size, learning_rate, 0, TrialStatus::Succeeded)
    }
}

/// The same with a target met after so many steps, or not.
pub fn met(batch_size: u64, steps: Option<u64>) -> TrialRecord {
    TrialRecord {
        steps_to_target: steps,
        examples_to_target: steps.map(|steps| steps * batch_size),
        seconds_to_target: steps.map(|steps| steps as f64),
        ..trained(batch_size, 0.1, 0.5)
    }
}

pub fn ids(records: &[TrialRecord]) -> Vec<&'static str> {
    analyze(records, None).warnings.into_iter().map(|warning| warning.id).collect()
}

/// The message of one warning, if it is told.
pub fn told(id: &str, records: &[TrialRecord], train: Option<&TrainSpec>) -> Option<String> {
    let mut told = analyze(records, train).warnings.into_iter().filter(|warning| warning.id == id);
    let message = told.next().map(|Warning { message, .. }| message);
    assert_eq!(told.next(), None, "each warning is told once");
    message
}
