//! Numbers that no training can give, so that a worker's mistake, or its lie, is refused and not stored.

use super::{MetricName, MetricPoint, TrialResult};
use crate::lifecycle::Outcome;
use crate::memory::{MemoryParts, StaticParts};

/// A number that cannot be, or two that cannot be together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct Impossible {
    /// Its name, as on the wire.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl TrialResult {
    /// Whether its numbers can be those of one training.
    ///
    /// # Errors
    /// [`Impossible`] with the first that cannot.
    pub fn check(&self) -> Result<(), Impossible> {
        let target_seconds = self.reached_target.map(|target| target.seconds);
        let none_is_negative = [
            ("epochs", Some(self.epochs)),
            ("train_seconds", Some(self.train_seconds)),
            ("examples_per_second", self.examples_per_second),
            ("train_loss_std", self.train_loss_std),
            ("seconds_to_target", target_seconds),
        ];
        for (field, value) in none_is_negative {
            require(value.is_none_or(|value| value >= 0.0), field, "is negative")?;
        }
        let shares = [
            ("final_validation_accuracy", self.final_validation_accuracy),
            ("best_validation_accuracy", self.best_validation_accuracy),
        ];
        for (field, share) in shares {
            require(share.is_none_or(is_share), field, NO_SHARE)?;
        }
        if let Some(target) = self.reached_target {
            require(target.steps <= self.steps, "steps_to_target", "is past the last step")?;
            require(target.examples <= self.examples, "examples_to_target", "is past the last example")?;
        }
        if self.outcome == Outcome::Succeeded {
            let has_split = self.micro_batch > 0 && self.accumulation_steps > 0;
            require(has_split, "micro_batch", "is 0, though it trained")?;
        }
        require(self.metrics.len() <= Self::MOST_METRICS, "metrics", "are too many")?;
        let (peak, sum) = (u128::from(self.memory.peak_bytes), sum(self.memory.parts));
        require(peak == 0 || peak == sum, "memory.peak_memory_bytes", "is not the sum of its parts")?;
        require(i64::try_from(sum).is_ok(), "memory", "is more than any device has")
    }
}

impl MetricPoint {
    /// Whether its place and value can be. A loss that is not finite can: it has diverged.
    ///
    /// # Errors
    /// [`Impossible`] with what cannot.
    pub fn check(&self) -> Result<(), Impossible> {
        let seconds = self.place.seconds;
        require(seconds.is_finite() && seconds >= 0.0, "seconds", "is negative or not finite")?;
        let is_possible = match &self.name {
            MetricName::ValidationAccuracy | MetricName::ValidationError => is_share(self.value),
            MetricName::GradientNorm | MetricName::LearningRate => self.value.is_nan() || self.value >= 0.0,
            MetricName::ValidationPerplexity => self.value.is_nan() || self.value >= 0.0,
            MetricName::TrainLoss
            | MetricName::TrainSetLoss
            | MetricName::ValidationLoss
            | MetricName::Own(_) => true,
        };
        require(is_possible, "value", "is none that this metric can have")
    }
}

/// Of parts that may be anything.
fn sum(parts: MemoryParts) -> u128 {
    let MemoryParts { fixed, batch_bytes, activation_bytes, resident_data_bytes } = parts;
    let StaticParts { parameter_bytes, gradient_bytes, optimizer_state_bytes } = fixed;
    let all = [
        parameter_bytes,
        gradient_bytes,
        optimizer_state_bytes,
        batch_bytes,
        activation_bytes,
        resident_data_bytes,
    ];
    all.into_iter().map(u128::from).sum()
}

const NO_SHARE: &str = "is not between 0 and 1";

fn is_share(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

fn require(holds: bool, field: &'static str, problem: &'static str) -> Result<(), Impossible> {
    if holds { Ok(()) } else { Err(Impossible { field, problem }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Accumulation, PeakMemory, Place, ReachedTarget};

    fn result() -> TrialResult {
        let parts = MemoryParts { batch_bytes: 100, activation_bytes: 23, ..MemoryParts::default() };
        TrialResult {
            outcome: Outcome::Succeeded,
            message: String::new(),
            micro_batch: 32,
            accumulation_steps: 1,
            accumulation: Accumulation::None,
            device: "cpu".to_owned(),
            steps: 10,
            examples: 320,
            epochs: 1.0,
            first_train_loss: Some(0.7),
            final_train_loss: Some(-0.6),
            train_set_loss: None,
            last_epoch_train_loss: None,
            train_loss_std: Some(0.0),
            final_validation_loss: None,
            final_validation_accuracy: Some(1.0),
            best_validation_loss: None,
            best_validation_accuracy: None,
            reached_target: Some(ReachedTarget { steps: 10, examples: 320, seconds: 0.5 }),
            train_seconds: 0.5,
            examples_per_second: Some(640.0),
            memory: PeakMemory { parts, peak_bytes: 123, ..PeakMemory::default() },
            oom_count: 0,
            task: None,
            tokens: None,
            metrics: Vec::new(),
            gradient_noise_scale: Some(-3.0),
            seed_sets: None,
        }
    }

    #[test]
    fn numbers_that_no_training_gives_are_found_by_name() {
        assert_eq!(result().check(), Ok(()));
        type Change = fn(&mut TrialResult);
        let wrong: [(&str, Change); 9] = [
            ("train_seconds is negative", |result| result.train_seconds = -0.1),
            ("train_seconds is negative", |result| result.train_seconds = f64::NAN),
            ("examples_per_second is negative", |result| result.examples_per_second = Some(-1.0)),
            ("final_validation_accuracy is not between 0 and 1", |result| {
                result.final_validation_accuracy = Some(1.01);
            }),
            ("steps_to_target is past the last step", |result| result.steps = 9),
            ("examples_to_target is past the last example", |result| result.examples = 319),
            ("micro_batch is 0, though it trained", |result| result.micro_batch = 0),
            ("memory.peak_memory_bytes is not the sum of its parts", |result| result.memory.peak_bytes = 122),
            ("memory.peak_memory_bytes is not the sum of its parts", |result| {
                result.memory.parts.batch_bytes = u64::MAX;
                result.memory.parts.resident_data_bytes = u64::MAX;
            }),
        ];
        for (said, change) in wrong {
            let mut changed = result();
            change(&mut changed);
            assert_eq!(changed.check().map_err(|error| error.to_string()), Err(said.to_owned()));
        }
        // Where nothing ran, the parts are those that were predicted.
        let mut predicted = result();
        (predicted.outcome, predicted.micro_batch, predicted.memory.peak_bytes) = (Outcome::Infeasible, 0, 0);
        assert_eq!(predicted.check(), Ok(()));
        predicted.memory.parts.batch_bytes = u64::MAX / 2;
        assert_eq!(predicted.check().map_err(|error| error.field), Err("memory"));
    }

    #[test]
    fn a_loss_may_be_anything_and_an_accuracy_may_not() {
        let place = Place { step: 1, examples: 32, seconds: 0.1 };
        let check = |name, value| MetricPoint { name, place, value }.check().is_ok();
        assert!(check(MetricName::TrainLoss, f64::NAN) && check(MetricName::ValidationLoss, -1e9));
        assert!(check(MetricName::GradientNorm, f64::INFINITY) && !check(MetricName::GradientNorm, -1.0));
        assert!(check(MetricName::ValidationAccuracy, 1.0) && !check(MetricName::ValidationError, f64::NAN));
        let early = Place { seconds: -1.0, ..place };
        assert!(MetricPoint { name: MetricName::TrainLoss, place: early, value: 0.0 }.check().is_err());
    }
}
