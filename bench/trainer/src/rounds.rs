//! Interleaved rounds: what slows the machine down for a while meets all that is compared.

use anyhow::{Result, ensure};
use bench_measure::Sample;
use domain::spec::MicroBatchPolicy;

use crate::cases::Case;
use crate::ours::Trainer;
use crate::pytorch::PyTorch;
use crate::table::Steps;

/// What one training run took.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// In training steps.
    pub seconds: f64,
    /// Optimizer steps.
    pub steps: u64,
    /// Mean loss over the training set at the end.
    pub train_set_loss: f64,
}

impl Timing {
    /// Of a step.
    #[must_use]
    pub fn seconds_per_step(&self) -> f64 {
        self.seconds / self.steps as f64
    }
}

/// Seconds a step of ours and of PyTorch's two loops, in interleaved rounds. Who goes first changes from round to round.
///
/// # Errors
/// When one of them breaks off, or they cannot have trained the same.
pub fn compare(case: &Case, rounds: usize, ours: &mut Trainer, pytorch: &mut PyTorch) -> Result<Steps> {
    let trial = case.trial(MicroBatchPolicy::Auto)?;
    let mut steps = Steps::default();
    for round in 0..=rounds {
        let mut timings = [None; 3];
        for turn in 0..3 {
            let who = (round + turn) % 3;
            eprintln!("bench: {}, round {round} of {rounds}, {}", case.name, ["ours", "plain", "tuned"][who]);
            timings[who] = Some(match who {
                0 => ours.train(&trial)?,
                1 => pytorch.train(&case.pytorch("plain"))?,
                _ => pytorch.train(&case.pytorch("tuned"))?,
            });
        }
        let [Some(ours), Some(plain), Some(tuned)] = timings else {
            unreachable!("all three have had their turn")
        };
        check_that_all_did_the_same(case, [ours, plain, tuned])?;
        // Round 0 warms up: caches, threads, memory plans.
        if round > 0 {
            steps.ours.0.push(ours.seconds_per_step());
            steps.plain.0.push(plain.seconds_per_step());
            steps.tuned.0.push(tuned.seconds_per_step());
        }
    }
    Ok(steps)
}

/// Orders differ between the three, so losses do a little.
fn check_that_all_did_the_same(case: &Case, timings: [Timing; 3]) -> Result<()> {
    let [ours, plain, tuned] = timings;
    for theirs in [plain, tuned] {
        ensure!(ours.steps == theirs.steps, "{}: {} steps against {}", case.name, ours.steps, theirs.steps);
        let ratio = ours.train_set_loss / theirs.train_set_loss;
        ensure!(
            (0.75..1.33).contains(&ratio),
            "{}: our loss ends at {}, PyTorch's at {}: they cannot have done the same",
            case.name,
            ours.train_set_loss,
            theirs.train_set_loss
        );
    }
    Ok(())
}

/// Seconds a micro-batch takes as a batch of its own, and as a part of a larger one.
///
/// # Errors
/// When training breaks off.
pub fn accumulate(
    case: &Case,
    micro_batch: u64,
    rounds: usize,
    trainer: &mut Trainer,
) -> Result<(Sample, Sample)> {
    let alone = case.with_batch_size(micro_batch).trial(MicroBatchPolicy::Off)?;
    let accumulated = case.trial(MicroBatchPolicy::Fixed(micro_batch))?;
    let (mut alone_seconds, mut accumulated_seconds) = (Sample::default(), Sample::default());
    for round in 0..=rounds {
        eprintln!("bench: {} accumulated, round {round} of {rounds}", case.name);
        let first = trainer.train(&alone)?;
        let second = trainer.train(&accumulated)?;
        if round > 0 {
            // Both see the same examples, so they take the same number of micro-batches but for ragged ends.
            let micro_batches = first.steps as f64;
            alone_seconds.0.push(first.seconds / micro_batches);
            accumulated_seconds.0.push(second.seconds / micro_batches);
        }
    }
    Ok((alone_seconds, accumulated_seconds))
}
