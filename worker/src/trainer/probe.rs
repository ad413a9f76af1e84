//! What a micro-batch takes, found by running one or two before the first step. Nothing that training sees is
//! changed: no update is made, and the gradients are dropped.

use domain::AccumulationPlan;

use super::data::Feed;
use super::learner::Learner;
use super::memory::Meter;
use super::model::Mode;
use crate::shim::TorchError;

/// Peaks of a step at one micro-batch, in bytes since the trial began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peaks {
    /// When the micro-batch is the whole batch: gradients come into being during its backward.
    pub whole: u64,
    /// From the second micro-batch on, when gradients are there from the start: never less, and more by up to all
    /// gradients. `None` when only the first one was run.
    pub accumulated: Option<u64>,
}

/// How much of a step is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// One micro-batch, for a batch that is to be trained whole.
    Whole,
    /// Two, for a batch that is to be split.
    Accumulated,
}

/// Runs micro-batches of `examples` examples and measures. If the second one runs out of memory, the peak of the
/// first is still told.
///
/// # Errors
/// [`TorchError`]: out of memory means that even one micro-batch alone does not fit.
pub fn measure(
    learner: &mut Learner,
    feed: &mut Feed,
    meter: &Meter,
    examples: u64,
    depth: Depth,
) -> Result<Peaks, TorchError> {
    let peaks = measure_with_gradients(learner, feed, meter, examples, depth);
    learner.scales.forget();
    feed.drop_ahead();
    learner.model.clear_gradients()?;
    meter.release_cache()?;
    peaks
}

fn measure_with_gradients(
    learner: &mut Learner,
    feed: &mut Feed,
    meter: &Meter,
    examples: u64,
    depth: Depth,
) -> Result<Peaks, TorchError> {
    learner.model.clear_gradients()?;
    let whole = AccumulationPlan::at_most(examples, examples);
    let whole = peak_of_one(learner, feed, meter, examples, whole)?;
    if depth == Depth::Whole {
        return Ok(Peaks { whole, accumulated: None });
    }
    // As in a batch of two such micro-batches: the loss is scaled, which takes a few bytes of its own.
    let half = AccumulationPlan::at_most(2 * examples, examples);
    match peak_of_one(learner, feed, meter, examples, half) {
        Ok(accumulated) => Ok(Peaks { whole, accumulated: Some(accumulated.max(whole)) }),
        Err(error) if error.is_out_of_memory() => Ok(Peaks { whole, accumulated: None }),
        Err(error) => Err(error),
    }
}

fn peak_of_one(
    learner: &mut Learner,
    feed: &mut Feed,
    meter: &Meter,
    examples: u64,
    split: AccumulationPlan,
) -> Result<u64, TorchError> {
    meter.reset_peak()?;
    TorchError::catch(|| {
        let batch = feed.epoch_examples(0, examples, examples)?;
        let outputs = learner.model.forward(&batch.inputs, Mode::Training)?;
        let share = learner.scales.share(&learner.criterion, split)?;
        let loss = learner.criterion.value(&outputs, &batch.targets, share)?;
        Ok(loss.f_backward()?)
    })?;
    meter.peak()
}
