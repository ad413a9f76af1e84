//! A trial's memory in its parts, and in words.

use domain::Bytes;
use domain::memory::{MemoryParts, StaticParts};

/// What a trial was given, and what is known of its memory before it takes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The limit that was asked for: the sweep's, or the worker's if that is lower.
    pub budget: Option<u64>,
    /// Bytes that it may take in any case: the budget, or what the device has free if that is less.
    pub limit: u64,
    /// Parts 1 and 2.
    pub fixed: StaticParts,
    /// Bytes of an example as the model sees it.
    pub example_bytes: u64,
    /// All data on the device.
    pub resident: u64,
    /// Of each example in a micro-batch, the bytes that are a view of that data.
    pub shared_per_example: u64,
}

/// A batch that cannot be trained within the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Infeasible {
    /// What the least possible micro-batch takes; the activations are 0 where they could not be measured.
    pub needed: MemoryParts,
    /// The four numbers and the budget, in words.
    pub message: String,
}

impl Account {
    /// Bytes that do not grow with the micro-batch.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.fixed.total() + self.resident
    }

    /// Bytes left for what grows with it; `None` when not even the rest fits.
    #[must_use]
    pub fn room(&self) -> Option<u64> {
        self.limit.checked_sub(self.base())
    }

    /// The parts of a peak that was reached with micro-batches of so many examples. Rows of the resident data that the
    /// micro-batch only views are told once, as part of the batch.
    #[must_use]
    pub fn parts(&self, peak: u64, micro_batch: u64) -> MemoryParts {
        let batch_bytes = micro_batch * self.example_bytes;
        let resident_data_bytes = self.resident.saturating_sub(micro_batch * self.shared_per_example);
        let activation_bytes = peak.saturating_sub(self.fixed.total() + batch_bytes + resident_data_bytes);
        MemoryParts { fixed: self.fixed, batch_bytes, activation_bytes, resident_data_bytes }
    }

    /// What the trial may not exceed.
    #[must_use]
    pub fn limit_in_words(&self) -> String {
        match self.budget {
            Some(budget) if budget <= self.limit => format!("the budget of {}", Bytes(budget)),
            _ => format!("the {} that the device has free", Bytes(self.limit)),
        }
    }

    /// Says why micro-batches of so many examples do not fit. `grown` is what they take beside [`Account::base`], where
    /// it could be measured.
    #[must_use]
    pub fn infeasible(&self, what: &str, micro_batch: u64, grown: Option<u64>) -> Infeasible {
        let least = self.base() + micro_batch * (self.example_bytes - self.shared_per_example);
        let needed = self.parts(grown.map_or(least, |grown| self.base() + grown), micro_batch);
        let unknown = if grown.is_none() { " (activations could not be measured)" } else { "" };
        let message = format!(
            "{what} needs {}, more than {}: {needed}{unknown}",
            Bytes(needed.total()),
            self.limit_in_words()
        );
        Infeasible { needed, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let fixed = StaticParts { parameter_bytes: 88, gradient_bytes: 88, optimizer_state_bytes: 0 };
        Account {
            budget: Some(5000),
            limit: 5000,
            fixed,
            example_bytes: 48,
            resident: 9600,
            shared_per_example: 48,
        }
    }

    #[test]
    fn rows_that_a_batch_views_are_counted_once() {
        let parts = account().parts(10_000, 10);
        assert_eq!((parts.batch_bytes, parts.resident_data_bytes), (480, 9600 - 480));
        assert_eq!((parts.activation_bytes, parts.total()), (10_000 - 176 - 9600, 10_000));
    }

    #[test]
    fn what_does_not_fit_is_told_in_its_parts() {
        let streamed = Account { resident: 0, shared_per_example: 0, ..account() };
        let infeasible = streamed.infeasible("one example at a time", 1, Some(6048));
        assert_eq!(infeasible.needed.total(), 176 + 6048);
        assert_eq!(
            infeasible.message,
            "one example at a time needs 6.1 KiB, more than the budget of 4.9 KiB: parameters + gradients 176 B, \
             optimizer state 0 B, batch 48 B, activations 5.9 KiB"
        );
        let unmeasured = Account { budget: None, ..streamed }.infeasible("the model alone", 1, None);
        assert_eq!(unmeasured.needed.total(), 176 + 48);
        assert!(
            unmeasured.message.contains("the 4.9 KiB that the device has free"),
            "{}",
            unmeasured.message
        );
        assert!(
            unmeasured.message.ends_with("(activations could not be measured)"),
            "{}",
            unmeasured.message
        );
    }
}
