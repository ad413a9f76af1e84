//! A trial's state as bytes: the message in a checkpoint's file, which may be of an earlier build.

use std::time::Duration;

use domain::noise_scale::NoiseSample;
use domain::run::{MetricName, PeakMemory, ReachedTarget};
use domain::units::ContentHash;
use domain::{AccumulationPlan, TrialSpec};
use prost::Message;
use proto::{Wire, v1};

use super::divergence::Divergence;
use super::summary::{Spread, Summary};
use super::{Peak, TrialState};
use crate::trainer::memory::{Plan, TrialKind};

/// Bytes that are no state of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// They are something else.
    #[error("it does not hold the state of a trial")]
    Unreadable,
    /// Something is missing.
    #[error("it does not hold the whole state of a trial")]
    Incomplete,
}

/// A trial's description as one number: a state is of the trial with the same.
#[must_use]
pub fn hash_of_spec(spec: &TrialSpec) -> ContentHash {
    ContentHash::of(&spec.to_wire().encode_to_vec())
}

impl TrialState {
    /// All of it as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        v1::TrialState {
            step: self.summary.steps,
            spec_sha256: self.spec.to_string(),
            kind: self.kind.0.clone(),
            data_sha256: self.data.map(|hash| hash.to_string()).unwrap_or_default(),
            micro_batch: self.micro_batch,
            evaluation_examples: self.evaluation_examples,
            plan: Some(saved_plan(&self.plan)),
            summary: Some(saved_summary(&self.summary)),
            divergence: Some(saved_divergence(&self.divergence)),
            noise: self.noise.iter().map(saved_noise).collect(),
            train_nanos: u64::try_from(self.train_time.as_nanos()).unwrap_or(u64::MAX),
            peak_bytes: self.peak.bytes,
            peak_reserved_bytes: self.peak.reserved,
            ooms: self.ooms,
            told_learning_rate: self.learning_rate,
            threads: self.threads,
        }
        .encode_to_vec()
    }

    /// What these bytes say.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let state = v1::TrialState::decode(bytes).map_err(|_| StateError::Unreadable)?;
        let plan = plan(state.plan.ok_or(StateError::Incomplete)?)?;
        let hash = |text: &str| text.parse().map_err(|_| StateError::Incomplete);
        let data = Some(state.data_sha256).filter(|hash| !hash.is_empty());
        let summary = summary(&state.summary.ok_or(StateError::Incomplete)?);
        if state.step != summary.steps {
            return Err(StateError::Incomplete);
        }
        Ok(Self {
            spec: hash(&state.spec_sha256)?,
            kind: TrialKind(state.kind),
            data: data.map(|text| hash(&text)).transpose()?,
            threads: state.threads,
            micro_batch: state.micro_batch.max(1),
            evaluation_examples: state.evaluation_examples.max(1),
            divergence: divergence(&state.divergence.ok_or(StateError::Incomplete)?, plan.split.batch_size()),
            plan,
            summary,
            noise: state.noise.iter().map(noise).collect(),
            train_time: Duration::from_nanos(state.train_nanos),
            peak: Peak { bytes: state.peak_bytes, reserved: state.peak_reserved_bytes },
            ooms: state.ooms,
            learning_rate: state.told_learning_rate,
        })
    }
}

fn saved_plan(plan: &Plan) -> v1::SavedPlan {
    let predicted = PeakMemory { parts: plan.predicted, ..PeakMemory::default() };
    v1::SavedPlan {
        batch_size: plan.split.batch_size(),
        micro_batch: plan.split.micro_batch(),
        predicted: Some(predicted.to_wire()),
        evaluation_examples: plan.evaluation_examples,
        reason: plan.reason.clone(),
        is_measured: plan.is_measured,
    }
}

fn plan(saved: v1::SavedPlan) -> Result<Plan, StateError> {
    let predicted = PeakMemory::from_wire(saved.predicted.unwrap_or_default());
    Ok(Plan {
        split: AccumulationPlan::at_most(saved.batch_size.max(1), saved.micro_batch.max(1)),
        predicted: predicted.map_err(|_| StateError::Unreadable)?.parts,
        evaluation_examples: saved.evaluation_examples,
        reason: saved.reason,
        is_measured: saved.is_measured,
    })
}

fn saved_summary(summary: &Summary) -> v1::SavedSummary {
    let Spread { steps, mean, squares, examples, example_sum } = summary.epoch_losses;
    v1::SavedSummary {
        steps: summary.steps,
        examples: summary.examples,
        first_train_loss: summary.first_train_loss,
        final_train_loss: summary.final_train_loss,
        train_set_loss: summary.train_set_loss,
        final_validation_loss: summary.final_validation_loss,
        final_validation_accuracy: summary.final_validation_accuracy,
        best_validation_loss: summary.best_validation_loss,
        best_validation_accuracy: summary.best_validation_accuracy,
        to_target: summary.reached_target.map(|ReachedTarget { steps, examples, seconds }| v1::SavedTarget {
            steps,
            examples,
            seconds,
        }),
        epoch: summary.epoch,
        epoch_steps: steps,
        epoch_mean: mean,
        epoch_squares: squares,
        epoch_examples: examples,
        epoch_example_sum: example_sum,
        metrics: summary.metrics.iter().map(last_metric).collect(),
    }
}

fn last_metric((name, value): &(MetricName, f64)) -> v1::LastMetric {
    v1::LastMetric { name: name.word().to_owned(), value: *value }
}

fn summary(saved: &v1::SavedSummary) -> Summary {
    Summary {
        steps: saved.steps,
        examples: saved.examples,
        first_train_loss: saved.first_train_loss,
        final_train_loss: saved.final_train_loss,
        train_set_loss: saved.train_set_loss,
        final_validation_loss: saved.final_validation_loss,
        final_validation_accuracy: saved.final_validation_accuracy,
        best_validation_loss: saved.best_validation_loss,
        best_validation_accuracy: saved.best_validation_accuracy,
        reached_target: saved.to_target.map(|v1::SavedTarget { steps, examples, seconds }| ReachedTarget {
            steps,
            examples,
            seconds,
        }),
        epoch: saved.epoch,
        epoch_losses: Spread {
            steps: saved.epoch_steps,
            mean: saved.epoch_mean,
            squares: saved.epoch_squares,
            examples: saved.epoch_examples,
            example_sum: saved.epoch_example_sum,
        },
        metrics: saved
            .metrics
            .iter()
            .filter_map(|last| Some((last.name.parse().ok()?, last.value)))
            .collect(),
    }
}

fn saved_divergence(divergence: &Divergence) -> v1::SavedDivergence {
    let Divergence { start, smoothed, weight, steps, .. } = *divergence;
    v1::SavedDivergence { start, smoothed, weight, steps }
}

fn divergence(saved: &v1::SavedDivergence, batch_size: u64) -> Divergence {
    let mut divergence = Divergence::new(saved.start, batch_size);
    (divergence.smoothed, divergence.weight, divergence.steps) = (saved.smoothed, saved.weight, saved.steps);
    divergence
}

fn saved_noise(sample: &NoiseSample) -> v1::SavedNoise {
    let NoiseSample { part, part_square, batch, batch_square } = *sample;
    v1::SavedNoise { part, part_square, batch, batch_square }
}

fn noise(saved: &v1::SavedNoise) -> NoiseSample {
    let v1::SavedNoise { part, part_square, batch, batch_square } = *saved;
    NoiseSample { part, part_square, batch, batch_square }
}

#[cfg(test)]
mod tests {
    use domain::memory::{MemoryParts, StaticParts};

    use super::*;

    fn state() -> TrialState {
        let fixed = StaticParts { parameter_bytes: 1, gradient_bytes: 2, optimizer_state_bytes: 3 };
        TrialState {
            spec: ContentHash::of(b"spec"),
            kind: TrialKind("an mlp".to_owned()),
            data: Some(ContentHash::of(b"data")),
            threads: 4,
            plan: Plan {
                split: AccumulationPlan::at_most(60, 7),
                predicted: MemoryParts { fixed, batch_bytes: 5, activation_bytes: 6, resident_data_bytes: 7 },
                evaluation_examples: 8,
                reason: "it fits".to_owned(),
                is_measured: true,
            },
            micro_batch: 9,
            evaluation_examples: 10,
            summary: Summary {
                steps: 11,
                examples: 12,
                first_train_loss: Some(f64::NAN),
                final_train_loss: Some(0.1 + 0.2),
                train_set_loss: Some(13.0),
                final_validation_loss: Some(f64::MIN_POSITIVE),
                final_validation_accuracy: Some(14.0),
                best_validation_loss: Some(15.0),
                best_validation_accuracy: Some(16.0),
                reached_target: Some(ReachedTarget { steps: 17, examples: 18, seconds: 19.0 }),
                epoch: 20,
                epoch_losses: Spread {
                    steps: 21,
                    mean: 22.0,
                    squares: 23.0,
                    examples: 24,
                    example_sum: 25.0,
                },
                metrics: vec![("top_5".parse().unwrap(), 26.5)],
            },
            divergence: divergence(
                &v1::SavedDivergence { start: 26.0, smoothed: 27.0, weight: 28.0, steps: 29 },
                60,
            ),
            noise: vec![NoiseSample { part: 30, part_square: 31.0, batch: 32, batch_square: 33.0 }],
            train_time: Duration::from_nanos(34),
            peak: Peak { bytes: 35, reserved: 36 },
            ooms: 37,
            learning_rate: Some(38.0),
        }
    }

    #[test]
    fn what_is_saved_of_a_trial_is_all_of_it() {
        // As text, for no number is equal to itself where it is none.
        assert_eq!(format!("{:?}", TrialState::decode(&state().encode()).unwrap()), format!("{:?}", state()));
    }

    #[test]
    fn bytes_that_are_no_whole_state_are_refused() {
        assert_eq!(TrialState::decode(b"other bytes").unwrap_err(), StateError::Unreadable);
        assert_eq!(TrialState::decode(b"").unwrap_err(), StateError::Incomplete);
    }
}
