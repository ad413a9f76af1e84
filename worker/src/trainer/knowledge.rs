//! What is known of memory in this process, and what of it is news to others.

use std::collections::HashMap;

use domain::memory::{KnownMemory, digest};
use proto::{from_wire, to_wire, v1};

/// All that a trial's memory depends on besides the micro-batch, in words. Trials of one key share what is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MemoryKey(pub String);

/// What is known, for each kind of trial that this process has met or was told of.
#[derive(Debug, Default)]
pub struct Knowledge {
    kinds: HashMap<String, Kind>,
}

/// What is known of one kind of trial.
#[derive(Debug, Default)]
pub struct Kind {
    known: KnownMemory,
    /// Of that, what was found out here and not told yet.
    news: KnownMemory,
    description: String,
}

impl Knowledge {
    /// Takes in what others found out.
    pub fn learn(&mut self, lessons: &[v1::KnownMemory]) {
        for lesson in lessons {
            self.kinds.entry(lesson.kind.clone()).or_default().known.merge(&from_wire::known_memory(lesson));
        }
    }

    /// What is known of trials of this key.
    pub fn of(&mut self, key: &MemoryKey) -> &mut Kind {
        let kind = self.kinds.entry(digest(&key.0)).or_default();
        if kind.description.is_empty() {
            kind.description.clone_from(&key.0);
        }
        kind
    }

    /// What was found out here since this was last asked.
    pub fn take_news(&mut self) -> Vec<v1::KnownMemory> {
        let fresh = self.kinds.iter_mut().filter(|(_, kind)| !kind.news.is_empty());
        fresh
            .map(|(name, kind)| {
                to_wire::known_memory(name, &kind.description, &std::mem::take(&mut kind.news))
            })
            .collect()
    }
}

impl Kind {
    /// What is known.
    #[must_use]
    pub fn known(&self) -> &KnownMemory {
        &self.known
    }

    /// Notes what was found out here.
    pub fn record(&mut self, record: impl Fn(&mut KnownMemory)) {
        record(&mut self.known);
        record(&mut self.news);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_found_out_here_is_told_and_only_once() {
        let key = MemoryKey("an mlp".to_owned());
        let mut elsewhere = Knowledge::default();
        elsewhere.of(&key).record(|known| known.whole.record_fit(8, 800));
        let lessons = elsewhere.take_news();
        assert_eq!(lessons[0].description, "an mlp");
        assert_eq!(elsewhere.take_news(), []);

        let mut here = Knowledge::default();
        here.learn(&lessons);
        assert_eq!(here.of(&key).known().whole.envelope().measured(8), Some(800));
        assert_eq!(here.take_news(), []);
        here.of(&key).record(|known| known.record_whole_failure(64, 5000));
        let news = here.take_news();
        assert_eq!(news.len(), 1);
        assert_eq!(news[0].whole.as_ref().unwrap().measured, []);
        elsewhere.learn(&news);
        assert_eq!(elsewhere.of(&key).known(), here.of(&key).known());
    }
}
