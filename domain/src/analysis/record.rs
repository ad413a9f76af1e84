//! What the analysis needs to know of one trial: the row of view `result`, typed.

use crate::lifecycle::TrialStatus;
use crate::run::SeedSets;
use crate::spec::Value;
use crate::units::ContentHash;

/// One trial. `None` is NULL in the view: not known, or not finite. Names and units are the view's.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRecord {
    /// Place in the grid, from 0.
    pub trial_index: u64,
    /// The state that it is in, or ended in.
    pub status: TrialStatus,
    /// Examples per optimizer step.
    pub batch_size: u64,
    /// Learning rate at its full height.
    pub learning_rate: f64,
    /// Tells repeats of a cell apart.
    pub seed: u64,
    /// The values of all other axes, in the grid's order: only trials that agree in these are compared.
    pub axes: Vec<(String, Value)>,
    /// The update rule, by its word.
    pub optimizer: String,
    /// The device by name.
    pub device: Option<String>,
    /// The worker by name.
    pub worker: Option<String>,
    /// Examples in the largest micro-batch.
    pub micro_batch: Option<u64>,
    /// Micro-batches in a batch; 1 means no accumulation.
    pub accumulation_steps: Option<u64>,
    /// Whether accumulation gave the whole batch's gradient: `exact`, `approximate` or `none`.
    pub accumulation: Option<String>,
    /// Optimizer steps done.
    pub steps: Option<u64>,
    /// Training examples seen.
    pub examples: Option<u64>,
    /// Passes over the training set.
    pub epochs: Option<f64>,
    /// Mean loss over the whole training set after the last step.
    pub train_set_loss: Option<f64>,
    /// Mean of the last epoch's step losses, by example.
    pub last_epoch_train_loss: Option<f64>,
    /// Standard deviation of the last epoch's step losses.
    pub train_loss_std: Option<f64>,
    /// Mean loss over the validation examples at the last evaluation.
    pub final_validation_loss: Option<f64>,
    /// Share of validation examples classified rightly at the last evaluation.
    pub final_validation_accuracy: Option<f64>,
    /// Optimizer steps at the first evaluation that met the target.
    pub steps_to_target: Option<u64>,
    /// Training examples at that evaluation.
    pub examples_to_target: Option<u64>,
    /// Training seconds at that evaluation.
    pub seconds_to_target: Option<f64>,
    /// Optimizer steps between that evaluation and the one before it (or the start); only the curves tell, so `None`
    /// where the caller has not looked at them.
    pub steps_between_evaluations: Option<u64>,
    /// Time in training steps, in seconds.
    pub train_seconds: Option<f64>,
    /// Largest sum of all memory parts over the training steps, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// The memory limit in force, in bytes.
    pub memory_budget_bytes: Option<u64>,
    /// Gradient noise scale, in examples.
    pub gradient_noise_scale: Option<f64>,
    /// What its seed set.
    pub seed_sets: Option<SeedSets>,
    /// Hash of the files that it was trained on.
    pub data_sha256: Option<ContentHash>,
}

impl TrialRecord {
    /// A trial of which nothing is known but its place in the grid and how it stands.
    #[must_use]
    pub fn new(batch_size: u64, learning_rate: f64, seed: u64, status: TrialStatus) -> Self {
        Self {
            trial_index: 0,
            status,
            batch_size,
            learning_rate,
            seed,
            axes: Vec::new(),
            optimizer: String::new(),
            device: None,
            worker: None,
            micro_batch: None,
            accumulation_steps: None,
            accumulation: None,
            steps: None,
            examples: None,
            epochs: None,
            train_set_loss: None,
            last_epoch_train_loss: None,
            train_loss_std: None,
            final_validation_loss: None,
            final_validation_accuracy: None,
            steps_to_target: None,
            examples_to_target: None,
            seconds_to_target: None,
            steps_between_evaluations: None,
            train_seconds: None,
            peak_memory_bytes: None,
            memory_budget_bytes: None,
            gradient_noise_scale: None,
            seed_sets: None,
            data_sha256: None,
        }
    }

    /// Whether it was evaluated on validation examples, whatever came out: of a loss that is not finite only the accuracy
    /// is known.
    #[must_use]
    pub fn was_validated(&self) -> bool {
        self.final_validation_loss.is_some() || self.final_validation_accuracy.is_some()
    }

    /// Examples in the training set; `None` before the trial saw any.
    #[must_use]
    pub fn train_examples(&self) -> Option<u64> {
        let (examples, epochs) = self.examples.zip(self.epochs)?;
        (epochs > 0.0).then(|| (examples as f64 / epochs).round() as u64)
    }

    /// Examples that a step really saw: the batch size, or the whole training set where that is smaller.
    #[must_use]
    pub fn examples_in_step(&self) -> u64 {
        self.train_examples().map_or(self.batch_size, |all| self.batch_size.min(all.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_larger_than_the_training_set_is_the_training_set() {
        let trial = TrialRecord::new(1024, 0.1, 0, TrialStatus::Succeeded);
        assert_eq!((trial.train_examples(), trial.examples_in_step()), (None, 1024));
        let trained = TrialRecord { examples: Some(3000), epochs: Some(3.0), ..trial };
        assert_eq!((trained.train_examples(), trained.examples_in_step()), (Some(1000), 1000));
    }
}
