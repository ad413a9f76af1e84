//! The order of a trial's batches: which examples each optimizer step takes.

use domain::TrialSettings;

/// The examples of one optimizer step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// The number of the step, from 1.
    pub step: u64,
    /// The pass over the training set, from 0.
    pub epoch: u64,
    /// Where it begins in the order of the epoch.
    pub start: u64,
    /// How many examples it holds: the effective batch size, or what is left of the epoch.
    pub examples: u64,
    /// Training examples seen once it is done.
    pub examples_after: u64,
}

/// All batches of a trial, in order.
#[derive(Debug, Clone)]
pub struct Course {
    train_examples: u64,
    effective_batch_size: u64,
    steps_per_epoch: u64,
    total_steps: u64,
    done: u64,
    examples: u64,
}

impl Course {
    /// The course of these settings over `train_examples` examples.
    #[must_use]
    pub fn new(settings: &TrialSettings, train_examples: u64) -> Self {
        Self {
            train_examples,
            effective_batch_size: settings.effective_batch_size(train_examples),
            steps_per_epoch: settings.steps_per_epoch(train_examples),
            total_steps: settings.total_steps(train_examples),
            done: 0,
            examples: 0,
        }
    }

    /// Examples of a full step, as [`TrialSettings::effective_batch_size`].
    #[must_use]
    pub fn effective_batch_size(&self) -> u64 {
        self.effective_batch_size
    }

    /// Batches in one pass.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// Examples of the smallest step: the last one of an epoch, where the trial comes to it.
    #[must_use]
    pub fn smallest_batch(&self) -> u64 {
        let others = self.steps_per_epoch.saturating_sub(1) * self.effective_batch_size;
        let last = (self.train_examples - others).min(self.effective_batch_size);
        if self.total_steps < self.steps_per_epoch { self.effective_batch_size } else { last }
    }

    /// Examples in one pass: fewer than there are where `drop_last` drops some, or the trial ends before.
    #[must_use]
    pub fn examples_per_epoch(&self) -> u64 {
        (self.steps_per_epoch.min(self.total_steps) * self.effective_batch_size).min(self.train_examples)
    }

    /// Optimizer steps in all; 0 when `drop_last` leaves no batch.
    #[must_use]
    pub fn total_steps(&self) -> u64 {
        self.total_steps
    }

    /// Training examples seen at the end.
    #[must_use]
    pub fn total_examples(&self) -> u64 {
        let (epochs, rest) =
            (self.total_steps / self.steps_per_epoch.max(1), self.total_steps % self.steps_per_epoch.max(1));
        let per_epoch = (self.steps_per_epoch * self.effective_batch_size).min(self.train_examples);
        epochs * per_epoch + (rest * self.effective_batch_size).min(self.train_examples)
    }
}

impl Iterator for Course {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.done >= self.total_steps {
            return None;
        }
        let (epoch, place) = (self.done / self.steps_per_epoch, self.done % self.steps_per_epoch);
        let start = place * self.effective_batch_size;
        let examples = self.effective_batch_size.min(self.train_examples - start);
        self.done += 1;
        self.examples += examples;
        Some(Batch { step: self.done, epoch, start, examples, examples_after: self.examples })
    }
}

#[cfg(test)]
mod tests {
    use domain::spec::{Budget, TrainSpec};
    use domain::{BatchSize, LearningRate};
    use proptest::prelude::*;

    use super::*;

    fn settings(batch_size: u64, budget: Budget, drop_last: bool) -> TrialSettings {
        TrialSettings {
            model: Vec::new(),
            batch_size: BatchSize::try_new(batch_size).unwrap(),
            learning_rate: LearningRate::try_new(0.01).unwrap(),
            seed: 0,
            budget,
            train: TrainSpec { budget: Some(budget), drop_last, ..TrainSpec::default() },
        }
    }

    #[test]
    fn the_seed_example_takes_3000_and_96_and_3_steps() {
        let course = |batch_size| Course::new(&settings(batch_size, Budget::Epochs(3), false), 1000);
        assert_eq!([1, 32, 1024].map(|size| course(size).count()), [3000, 96, 3]);
        let last = course(32).take(32).last().unwrap();
        assert_eq!((last.start, last.examples, last.examples_after), (992, 8, 1000));
        assert!(course(1024).all(|batch| batch.start == 0 && batch.examples == 1000));
    }

    #[test]
    fn drop_last_leaves_only_full_batches() {
        let course = |batch_size| Course::new(&settings(batch_size, Budget::Epochs(2), true), 100);
        assert!(course(32).all(|batch| batch.examples == 32));
        assert_eq!((course(32).count(), course(32).examples_per_epoch()), (6, 96));
        assert_eq!(course(101).count(), 0);
    }

    proptest! {
        #[test]
        fn batches_cover_each_epoch_in_order(
            batch_size in 1u64..50, examples in 1u64..100, amount in 1u64..300, kind in 0usize..3, drop_last: bool,
        ) {
            let budget = [Budget::Epochs(amount % 7 + 1), Budget::Steps(amount), Budget::Examples(amount)][kind];
            let course = Course::new(&settings(batch_size, budget, drop_last), examples);
            let (total_steps, total_examples) = (course.total_steps(), course.total_examples());
            let mut next = 0;
            let mut seen = 0;
            for batch in course.clone() {
                if batch.start == 0 { next = 0; }
                prop_assert_eq!(batch.start, next);
                next += batch.examples;
                seen += batch.examples;
                prop_assert!(next <= examples);
                prop_assert_eq!(batch.examples_after, seen);
            }
            prop_assert_eq!(course.count() as u64, total_steps);
            prop_assert_eq!(seen, total_examples);
        }
    }
}
