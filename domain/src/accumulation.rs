//! How one batch is split into micro-batches.

/// A balanced split of one optimizer batch: all micro-batches of equal size or one example apart, the larger
/// ones first. There is never a tiny ragged tail, and none exceeds the limit it was planned for.
///
/// The gradient is the whole batch's as long as each micro-batch's summed loss is divided by
/// [`AccumulationPlan::batch_size`], whatever the split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccumulationPlan {
    batch_size: u64,
    steps: u64,
}

impl AccumulationPlan {
    /// The split with the fewest micro-batches of at most `largest` examples. Both count as at least 1.
    #[must_use]
    pub fn at_most(batch_size: u64, largest: u64) -> Self {
        let batch_size = batch_size.max(1);
        Self { batch_size, steps: batch_size.div_ceil(largest.max(1)) }
    }

    /// Examples in the whole batch.
    #[must_use]
    pub fn batch_size(self) -> u64 {
        self.batch_size
    }

    /// Micro-batches in the whole batch; 1 means no accumulation.
    #[must_use]
    pub fn accumulation_steps(self) -> u64 {
        self.steps
    }

    /// Examples in the largest micro-batch.
    #[must_use]
    pub fn micro_batch(self) -> u64 {
        self.batch_size.div_ceil(self.steps)
    }

    /// The size of each micro-batch, in order; they sum to the batch size.
    pub fn sizes(self) -> impl Iterator<Item = u64> {
        let (size, larger) = (self.batch_size / self.steps, self.batch_size % self.steps);
        (0..self.steps).map(move |index| size + u64::from(index < larger))
    }

    /// A finer split after this one ran out of memory; `None` when it is already one example at a time.
    ///
    /// The first retry of a step takes a third more micro-batches, each further one doubles them: a near miss
    /// costs little, and a bad one is over in a logarithmic number of tries.
    #[must_use]
    pub fn finer(self, retries: u32) -> Option<Self> {
        if self.steps >= self.batch_size {
            return None;
        }
        let steps =
            if retries == 0 { (self.steps + 1).max((4 * self.steps).div_ceil(3)) } else { 2 * self.steps };
        // Rounded so that the largest micro-batch really shrinks: 3 micro-batches of 4 examples are 2 + 1 + 1.
        let micro_batch = self.batch_size.div_ceil(steps.min(self.batch_size)).min(self.micro_batch() - 1);
        Some(Self::at_most(self.batch_size, micro_batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sizes(batch_size: u64, largest: u64) -> Vec<u64> {
        AccumulationPlan::at_most(batch_size, largest).sizes().collect()
    }

    #[test]
    fn a_batch_that_fits_is_not_split() {
        assert_eq!(sizes(1000, 1024), [1000]);
        assert_eq!(sizes(1, 1), [1]);
    }

    #[test]
    fn a_batch_that_does_not_fit_is_split_evenly() {
        assert_eq!(sizes(1000, 300), [250, 250, 250, 250]);
        assert_eq!(sizes(10, 4), [4, 3, 3]);
        assert_eq!(sizes(7, 2), [2, 2, 2, 1]);
    }

    #[test]
    fn a_finer_split_ends_at_one_example() {
        let mut plan = AccumulationPlan::at_most(1024, 1024);
        let mut micro_batches = vec![plan.micro_batch()];
        let mut retries = 0;
        while let Some(finer) = plan.finer(retries) {
            (plan, retries) = (finer, retries + 1);
            micro_batches.push(plan.micro_batch());
        }
        assert_eq!(micro_batches, [1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1]);
        assert_eq!(AccumulationPlan::at_most(1024, 256).finer(0).unwrap().micro_batch(), 171);
    }

    proptest! {
        #[test]
        fn micro_batches_sum_to_the_batch_and_differ_by_one(batch_size in 1u64..5000, largest in 1u64..6000) {
            let plan = AccumulationPlan::at_most(batch_size, largest);
            let sizes: Vec<_> = plan.sizes().collect();
            prop_assert_eq!(sizes.iter().sum::<u64>(), batch_size);
            prop_assert_eq!(sizes.len() as u64, plan.accumulation_steps());
            let (max, min) = (sizes[0], sizes[sizes.len() - 1]);
            prop_assert!(max <= largest && max - min <= 1 && min >= 1);
            prop_assert_eq!(max, plan.micro_batch());
        }

        #[test]
        fn a_finer_split_is_strictly_finer(batch_size in 1u64..5000, largest in 1u64..6000, retries in 0u32..4) {
            let plan = AccumulationPlan::at_most(batch_size, largest);
            match plan.finer(retries) {
                Some(finer) => prop_assert!(finer.micro_batch() < plan.micro_batch()),
                None => prop_assert_eq!(plan.micro_batch(), 1),
            }
        }
    }
}
