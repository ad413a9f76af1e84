//! Gradient norms at two numbers of examples, gathered on the way for the noise scale.

use domain::noise_scale::{NoiseSample, NoiseScale, noise_scale};

use crate::trainer::step::course::Batch;
use crate::trainer::step::tape::Reading;

/// A batch that is not split needs a forward and a backward of its half: half a step, so one step in this many costs a
/// hundredth.
const WHOLE_EVERY: u64 = 50;

/// Of a split batch it takes two norms: what that costs beside a forward and a backward shrinks with the examples of a
/// micro-batch, and is next to nothing from this many on.
const SPLIT_EXAMPLES: u64 = 64;

/// Samples are kept up to this many.
const MOST: usize = 4096;

/// Gathers the samples of a trial's second half: early in training the scale is small and moves fast.
///
/// Which steps are sampled depends on their number and the split alone, so a trial done over gives the same number.
#[derive(Debug)]
pub(super) struct NoiseMeter {
    from_step: u64,
    /// Steps that were sampled. Their numbers come later, when others are read too, so these do not say how many.
    sampled: usize,
    samples: Vec<NoiseSample>,
}

impl NoiseMeter {
    pub fn new(total_steps: u64) -> Self {
        Self { from_step: total_steps / 2, sampled: 0, samples: Vec::new() }
    }

    /// Whether a step is to tell its norms.
    pub fn is_sampled(&self, batch: &Batch, micro_batch: u64) -> bool {
        let every = if micro_batch >= batch.examples {
            WHOLE_EVERY
        } else {
            SPLIT_EXAMPLES.div_ceil(micro_batch.max(1))
        };
        batch.examples > 1
            && batch.step > self.from_step
            && batch.step.is_multiple_of(every)
            && self.sampled < MOST
    }

    /// A step was sampled.
    pub fn count(&mut self) {
        self.sampled += 1;
    }

    /// Takes the norms of a step that was sampled.
    pub fn add(&mut self, batch: &Batch, reading: &Reading) {
        if let (Some((part, part_norm)), Some(norm)) = (reading.first_part, reading.gradient_norm) {
            let (part_square, batch_square) = (part_norm * part_norm, norm * norm);
            self.samples.push(NoiseSample { part, part_square, batch: batch.examples, batch_square });
        }
    }

    /// The samples so far.
    pub fn samples(&self) -> &[NoiseSample] {
        &self.samples
    }

    /// Goes on from these.
    pub fn go_on_from(&mut self, samples: Vec<NoiseSample>) {
        self.sampled = samples.len();
        self.samples = samples;
    }

    /// The scale, where the samples determine it.
    pub fn scale(&self, train_examples: u64) -> Option<NoiseScale> {
        noise_scale(&self.samples, train_examples)
    }
}

/// For the log.
pub(super) fn in_words(scale: &NoiseScale) -> String {
    let NoiseScale { value, low, high, samples } = scale;
    format!(
        "gradient noise scale in the second half: {value:.0} examples (95 % interval {low:.0} to {high:.0}, from {samples} \
         steps)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(step: u64, examples: u64) -> Batch {
        Batch { step, epoch: 0, start: 0, examples, examples_after: step * examples }
    }

    #[test]
    fn steps_are_sampled_by_what_a_sample_costs() {
        let meter = NoiseMeter::new(1000);
        let sampled = |examples, micro_batch| {
            (1..=1000).filter(|&step| meter.is_sampled(&batch(step, examples), micro_batch)).count()
        };
        assert_eq!(sampled(1, 1), 0, "one example has no part");
        assert_eq!(sampled(128, 128), 10, "a half of its own, one step in 50 of the second half");
        assert_eq!(sampled(128, 64), 500);
        assert_eq!(sampled(128, 2), 16, "one in 32");
    }
}
