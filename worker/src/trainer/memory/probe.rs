//! What a micro-batch takes, found by running one or two before the first step. Nothing that training sees is
//! changed: no update is made, gradients are dropped and running statistics put back.

use crate::shim::TorchError;
use crate::trainer::data::Feed;
use crate::trainer::device::Meter;
use crate::trainer::model::Mode;
use crate::trainer::seed::Purpose;
use crate::trainer::step::learner::Learner;

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
    learner.model.keep_buffers()?;
    let peaks = measure_with_gradients(learner, feed, meter, examples, depth);
    learner.forget_scale();
    feed.drop_ahead();
    learner.model.clear_gradients()?;
    learner.model.restore_buffers()?;
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
    let whole = peak_of_one(learner, feed, meter, examples)?;
    if depth == Depth::Whole {
        return Ok(Peaks { whole, accumulated: None });
    }
    match peak_of_one(learner, feed, meter, examples) {
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
) -> Result<u64, TorchError> {
    meter.reset_peak()?;
    // A module that raises an error for one example takes as much for it with running statistics.
    let refuses_one = learner.model.is_own() && learner.model.needs_two_examples();
    let mode = if examples == 1 && refuses_one { Mode::Evaluating } else { Mode::Training };
    TorchError::catch(|| {
        let batch = feed.micro_batch(0, examples, examples)?;
        let mut terms = learner.terms(feed, 0, examples, false);
        learner.add_gradient_in(mode, &batch, Purpose::Forward { step: 0, first: 0 }, &mut terms).map(drop)
    })?;
    meter.peak()
}
