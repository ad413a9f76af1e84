//! What the trials do not say, and what would tell.

use super::{Basis, Choice, Sentence, SentenceKind, say};
use crate::analysis::best_rate::Edge;
use crate::analysis::cell::CellState;
use crate::analysis::comparison::Comparison;
use crate::analysis::critical::{Gap, Verdict};
use crate::analysis::facts::Facts;
use crate::analysis::words;

pub(super) fn unknowns(facts: &Facts<'_>, choice: Option<&Choice>) -> Vec<Sentence> {
    let texts = [
        choice.and_then(|choice| seeds(facts, choice)),
        choice.and_then(|choice| edge(facts, choice)),
        choice.and_then(|choice| no_target(facts, choice)),
        ended_early(facts.comparison),
    ];
    let texts =
        texts.into_iter().flatten().chain(without_result(facts.comparison)).chain(critical(facts.comparison));
    texts.map(|text| say(SentenceKind::Unknown, text)).collect()
}

/// The sentences of a sweep of which no trial has a score.
pub(super) fn nothing_came_through(groups: &[Facts<'_>]) -> Vec<Sentence> {
    let cells = || groups.iter().flat_map(|facts| &facts.comparison.grid.cells);
    let has = |state: CellState| cells().any(|cell| cell.state() == state);
    let advice = if cells().next().is_none() {
        "There is no trial to conclude from."
    } else if has(CellState::Open) {
        "Nothing to conclude yet: no trial has ended with a loss."
    } else if has(CellState::NotFinite) && !has(CellState::Diverged) {
        "Nothing to train with: trials were trained to their end, but the loss that they are compared by is not finite. \
         Look for inputs or targets that are not finite, or outside of what the model can take, in the examples that it is \
         computed on."
    } else if has(CellState::Diverged) {
        "Nothing to train with: no learning rate came through at half of its seeds or more. Try smaller ones."
    } else if has(CellState::Infeasible) {
        "Nothing to train with: no trial fits in memory with even one example at a time, or has a batch that it can be trained \
         on. Column `error` of the results says which, and what to do."
    } else {
        "Nothing to train with: every trial failed or was cancelled. See what they said (batchsweep logs)."
    };
    vec![say(SentenceKind::Advice, advice)]
}

/// How many trials of the whole sweep are still to come.
pub(super) fn open(groups: &[Facts<'_>]) -> Option<Sentence> {
    let all = || groups.iter().flat_map(|facts| &facts.group.trials);
    let open = all().filter(|trial| !trial.status.is_terminal()).count();
    let all = words::count(all().count(), "trial");
    (open > 0).then(|| {
        say(
            SentenceKind::Unknown,
            format!("{open} of {all} have not ended yet; this is what the others say."),
        )
    })
}

fn seeds(facts: &Facts<'_>, choice: &Choice) -> Option<String> {
    let several = facts.comparison.best.len() > 1 || facts.comparison.grid.cells.len() > 1;
    match choice.seeds {
        2.. if choice.same_weights => Some(
            "How much initial weights matter is not known: all seeds start from the same ones, so their spread is too small \
             to rely on a difference."
                .to_owned(),
        ),
        _ if !several => None,
        0 | 1 => Some(
            "With one seed a cell, whether the differences are more than chance is not known. Repeat with \
             `seed = [0, 1, 2]`."
                .to_owned(),
        ),
        2 => Some("Two seeds are too few to rely on a difference; three are the least.".to_owned()),
        _ => None,
    }
}

fn edge(facts: &Facts<'_>, choice: &Choice) -> Option<String> {
    let edge = match choice.basis {
        Basis::SecondsToTarget => facts.comparison.target_of(choice.batch_size)?.edge,
        Basis::Score(_) => facts.comparison.best_of(choice.batch_size)?.edge,
    };
    let (side, beyond) = match edge? {
        Edge::Low => ("smallest", "smaller"),
        Edge::High => ("largest", "larger"),
    };
    Some(format!(
        "{} is the {side} learning rate that batch size {} was given: {beyond} ones may be better. Extend the \
         grid there.",
        words::exact(choice.learning_rate),
        choice.batch_size
    ))
}

/// A row of the grid that lost trials is no whole row.
fn ended_early(comparison: &Comparison) -> Option<String> {
    let lost = comparison.grid.cells.iter().map(|cell| cell.failed).sum::<u64>();
    let sizes: Vec<u64> = comparison
        .best
        .iter()
        .map(|best| best.batch_size)
        .filter(|&size| comparison.grid.row(size).iter().any(|cell| cell.failed > 0))
        .collect();
    (!sizes.is_empty()).then(|| {
        format!(
            "{} failed or {} cancelled, so the best learning rate of {} may be one that is missing. `batchsweep retry` \
             runs them.",
            words::count(usize::try_from(lost).unwrap_or(usize::MAX), "trial"),
            if lost == 1 { "was" } else { "were" },
            words::batch_sizes(&sizes)
        )
    })
}

/// Equal epochs favour small batches, equal steps large ones.
fn no_target(facts: &Facts<'_>, choice: &Choice) -> Option<String> {
    let several = facts.comparison.best.len() > 1;
    (several && choice.basis != Basis::SecondsToTarget && facts.comparison.to_target.is_empty()).then(|| {
        "Which batch size reaches a given loss soonest is not known: trials ended at their budget. Set a \
         `target` to measure that."
            .to_owned()
    })
}

fn without_result(comparison: &Comparison) -> Vec<String> {
    // Of a batch size that a search left out nothing was to be found.
    let missing = |size: &u64| comparison.best_of(*size).is_none() && !comparison.grid.row(*size).is_empty();
    let why = |size: u64| {
        let row = comparison.grid.row(size);
        let has = |state: CellState| row.iter().any(|cell| cell.state() == state);
        let why = if has(CellState::Open) {
            "it has not ended yet"
        } else if has(CellState::Missed) {
            "no learning rate met the target at more than half of its seeds"
        } else if has(CellState::NotFinite) {
            "the loss that its trials are compared by is not finite"
        } else if has(CellState::Diverged) {
            "every learning rate diverged; it may need smaller ones"
        } else if has(CellState::Infeasible) {
            "its trials are infeasible: column `error` of the results says why"
        } else {
            "its trials failed or were cancelled"
        };
        format!("Batch size {size} has no result: {why}.")
    };
    comparison.grid.batch_sizes().into_iter().filter(missing).map(why).collect()
}

fn critical(comparison: &Comparison) -> Option<String> {
    let critical = comparison.critical.as_ref()?;
    let Verdict::NotIdentified { why, above, below } = critical.verdict else { return None };
    let bound = match (above, below) {
        (Some(above), None) => format!("larger than {above}"),
        (None, Some(below)) => format!("smaller than {below}"),
        (Some(above), Some(below)) => format!("between {above} and {below}"),
        (None, None) => "not known".to_owned(),
    };
    let reason = match why {
        Gap::TooFewBatchSizes => "fewer than three batch sizes met the target",
        Gap::SmallBatches => "too few batch sizes lie well below it",
        Gap::LargeBatches => "too few batch sizes lie well above it",
        Gap::Both => "too few batch sizes lie well below and above it",
        Gap::MissedTarget => "a batch size missed the target where the curve says it should have met it",
    };
    Some(format!("The critical batch size is {bound}; more this grid does not say, as {reason}."))
}
