//! What this process knows of memory, and what of it others do not know yet.

use std::collections::HashMap;
use std::mem;

use domain::memory::KnownMemory;
use domain::run::MemoryOfKind;
use domain::units::ContentHash;

/// All that a trial's memory and its rounding depend on besides the micro-batch, in words. Trials of one kind share what is
/// known of their memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialKind(pub String);

/// Known memory, by kind of trial.
#[derive(Debug, Default)]
pub struct KnownKinds {
    kinds: HashMap<ContentHash, KnownKind>,
}

/// Known memory of one kind of trial.
#[derive(Debug, Default)]
pub struct KnownKind {
    known: KnownMemory,
    /// Of that, what was measured here.
    measured: KnownMemory,
    /// Of that, what is not reported yet.
    unreported: KnownMemory,
    description: String,
}

impl KnownKinds {
    /// Adds what others know.
    pub fn merge(&mut self, others: &[MemoryOfKind]) {
        for other in others {
            self.kinds.entry(other.kind).or_default().known.merge(&other.memory);
        }
    }

    /// What is known of trials of this kind.
    pub fn of(&mut self, kind: &TrialKind) -> &mut KnownKind {
        let known = self.kinds.entry(ContentHash::of(kind.0.as_bytes())).or_default();
        if known.description.is_empty() {
            known.description.clone_from(&kind.0);
        }
        known
    }

    /// What was measured here since the last call.
    pub fn take_unreported(&mut self) -> Vec<MemoryOfKind> {
        let unreported = self.kinds.iter_mut().filter(|(_, known)| !known.unreported.is_empty());
        let take = |(&kind, known): (&ContentHash, &mut KnownKind)| MemoryOfKind {
            kind,
            description: known.description.clone(),
            memory: mem::take(&mut known.unreported),
        };
        unreported.map(take).collect()
    }
}

impl KnownKind {
    /// What is known.
    #[must_use]
    pub fn memory(&self) -> &KnownMemory {
        &self.known
    }

    /// Notes what was measured here.
    pub fn record(&mut self, record: impl Fn(&mut KnownMemory)) {
        record(&mut self.known);
        record(&mut self.measured);
        record(&mut self.unreported);
    }

    /// Leaves what was measured here alone; whether anything else was there.
    pub fn forget_others(&mut self) -> bool {
        let is_more = self.known != self.measured;
        self.known.clone_from(&self.measured);
        is_more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_here_is_reported_and_only_once() {
        let kind = TrialKind("an mlp".to_owned());
        let mut elsewhere = KnownKinds::default();
        elsewhere.of(&kind).record(|known| known.whole.record_fit(8, 800));
        let reported = elsewhere.take_unreported();
        assert_eq!(reported[0].description, "an mlp");
        assert_eq!(elsewhere.take_unreported(), []);

        let mut here = KnownKinds::default();
        here.merge(&reported);
        assert_eq!(here.of(&kind).memory().whole.envelope().measured(8), Some(800));
        assert_eq!(here.take_unreported(), []);
        here.of(&kind).record(|known| known.record_whole_failure(64, 5000));
        let reported = here.take_unreported();
        assert_eq!(reported.len(), 1);
        assert_eq!(reported[0].memory.whole.envelope().measured(8), None);
        elsewhere.merge(&reported);
        assert_eq!(elsewhere.of(&kind).memory(), here.of(&kind).memory());

        assert!(here.of(&kind).forget_others());
        assert_eq!(here.of(&kind).memory(), &reported[0].memory);
        assert!(!here.of(&kind).forget_others());
    }
}
