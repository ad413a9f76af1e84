//! The sentences a user acts on: what to train with, why, and what is not known.
//!
//! They never say more than the trials do: a choice is firm only with three seeds that have weights of their own, and an
//! optimum that is bracketed;
//! where seeds overlap there is no detectable difference; where the learning rate was not tuned there is no choice
//! at all.
//!
//! - `choice`: which batch size and learning rate, on what grounds,
//! - `reasons`: what speaks for it, and what else was learnt,
//! - `unknowns`: what the trials do not say.

mod choice;

mod reasons;

mod unknowns;

pub use choice::{Basis, Choice};

use super::facts::Facts;
use super::words;

/// What a sweep comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// What to train with; `None` where the sweep does not say.
    pub choice: Option<Choice>,
    /// In reading order: advice first, then reasons, then what is not known. The first one can stand alone.
    pub sentences: Vec<Sentence>,
}

/// One sentence, or two that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// What it is for.
    pub kind: SentenceKind,
    /// Plain words.
    pub text: String,
}

/// What a sentence is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentenceKind {
    /// What to do.
    Advice,
    /// Why, and what else was learnt.
    Reason,
    /// What is not known, and what would tell.
    Unknown,
}

impl SentenceKind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Reason => "reason",
            Self::Unknown => "unknown",
        }
    }
}

/// The conclusion over all groups of a sweep: that of the best one, and how the others stand to it.
pub(super) fn conclude(groups: &[Facts<'_>]) -> Conclusion {
    let mut choices: Vec<(&Facts<'_>, Choice)> =
        groups.iter().filter_map(|facts| Some((facts, choice::choose(facts)?))).collect();
    choices.sort_by(|left, right| left.1.order().total_cmp(&right.1.order()));
    let Some((facts, mut choice)) = choices.first().cloned() else { return without_choice(groups) };
    // What still trains may turn out better.
    choice.is_firm &= !groups.iter().any(Facts::is_open);
    let mut sentences = vec![advice(&choice)];
    sentences.extend(against_others(&choice, &choices[1..]));
    sentences.extend(reasons::reasons(facts, Some(&choice)));
    sentences.extend(unknowns::open(groups));
    sentences.extend(unknowns::unknowns(facts, Some(&choice)));
    Conclusion { choice: Some(choice), sentences }
}

fn say(kind: SentenceKind, text: impl Into<String>) -> Sentence {
    Sentence { kind, text: text.into() }
}

fn advice(choice: &Choice) -> Sentence {
    let Choice { batch_size, learning_rate, group, .. } = choice;
    let with = if group.is_empty() { String::new() } else { format!(", {group}") };
    let verb = if choice.is_firm { "Train with" } else { "Best so far:" };
    let what = format!("batch size {batch_size} at learning rate {}{with}", words::exact(*learning_rate));
    say(SentenceKind::Advice, format!("{verb} {what}: {}.", choice.grounds()))
}

/// Where no batch size can be chosen: why, and what to do.
fn without_choice(groups: &[Facts<'_>]) -> Conclusion {
    let untuned =
        groups.iter().find(|facts| facts.comparison.is_untuned() && !facts.comparison.best.is_empty());
    let sentences = match untuned {
        Some(facts) => {
            let mut sentences = vec![say(
                SentenceKind::Advice,
                "This sweep does not say which batch size to train with: each was given one learning rate \
                 only. Give each several, such as `learning_rate = { from = 0.001, to = 1.0, count = 7 }`.",
            )];
            sentences.extend(reasons::reasons(facts, None));
            sentences.extend(unknowns::open(groups));
            sentences.extend(unknowns::unknowns(facts, None));
            sentences
        }
        None => unknowns::nothing_came_through(groups),
    };
    Conclusion { choice: None, sentences }
}

/// How the best of the other groups stand to the choice.
fn against_others(choice: &Choice, others: &[(&Facts<'_>, Choice)]) -> Vec<Sentence> {
    let compare = |(_, other): &(&Facts<'_>, Choice)| {
        let told_apart = other.basis == choice.basis
            && other.seeds > 1
            && choice.seeds > 1
            && !other.range.overlaps(&choice.range);
        let verdict = match told_apart {
            true => "behind it",
            false if other.basis != choice.basis => "by another measure, so the two do not compare",
            false if other.seeds > 1 && choice.seeds > 1 => "not told apart from it, as seeds overlap",
            false => "one seed cannot tell by how much",
        };
        say(
            SentenceKind::Reason,
            format!(
                "With {}, the best is batch size {} at learning rate {}, {}: {verdict}.",
                other.group,
                other.batch_size,
                words::exact(other.learning_rate),
                other.measured(),
            ),
        )
    };
    others.iter().map(compare).collect()
}

#[cfg(test)]
mod tests;
