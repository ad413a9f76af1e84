//! `[search]`.

use domain::spec::{Goal, SearchSpec, SeedRule};

use super::reader::{Reader, Section};

/// Reads the section; values that could not be read keep their default, and their mistakes are noted.
pub fn read(mut section: Section<'_>, reader: &mut Reader) -> SearchSpec {
    let goal = section.take("goal").and_then(|field| reader.word(&field, &Goal::ALL));
    let extend = section.take("extend").and_then(|field| reader.whole(&field));
    let seeds = section.take("seeds").and_then(|field| reader.word(&field, &SeedRule::ALL));
    let stop = section.take("stop").and_then(|field| reader.flag(&field));
    let max_trials = section.take("max_trials").and_then(|field| reader.whole(&field));
    section.finish(reader, |_| None);
    SearchSpec {
        goal: goal.unwrap_or_default(),
        // What is past 32 bits is past what is allowed.
        extend: u32::try_from(extend.unwrap_or_default()).unwrap_or(u32::MAX),
        seeds: seeds.unwrap_or_default(),
        stop: stop.unwrap_or_default(),
        max_trials,
    }
}
