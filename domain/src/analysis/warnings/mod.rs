//! What a sweep does not say: the readings that its numbers invite and do not bear out.
//!
//! The ids are those of a list of 22 pitfalls that the project keeps. Told here, where they apply: W1 to W17 and W19 to W22.
//! W18 (memory of a reused process) cannot occur: peaks come from the allocator's own count, which is set back before
//! each trial, and not from the process. Of W10, a loss that is a sum over the batch cannot occur: losses are means. W6
//! needs the curves, and is told where the caller has looked at them ([`super::TrialRecord::steps_between_evaluations`]).
//!
//! - `tuning`: was each batch size given a fair chance (W1, W2, W7, W13, W14),
//! - `budget`: what equal budgets hide (W3, W4, W11, W12, W19),
//! - `reaching`: steps to the target and the critical batch size (W5, W6, W8, W20, W21),
//! - `reading`: numbers that invite a wrong reading (W9, W10, W15, W16, W17, W22).

mod tuning;

mod budget;

mod reaching;

mod reading;

use super::facts::Facts;

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Stable id, such as `W1`.
    pub id: &'static str,
    /// One or two sentences: what must not be concluded, and what to do instead.
    pub message: String,
}

impl Warning {
    fn new(id: &'static str, message: impl Into<String>) -> Self {
        Self { id, message: message.into() }
    }
}

type Rule = fn(&Facts<'_>) -> Option<Warning>;

/// In the order in which they are told: first what forbids the comparison, then what limits it, last what is easily misread.
const RULES: [Rule; 21] = [
    tuning::not_retuned,
    tuning::best_at_the_edge,
    tuning::unequal_effort,
    tuning::no_detectable_difference,
    reaching::target_says_little,
    reaching::missed_the_target,
    budget::unequal_updates,
    tuning::diverged,
    budget::ragged_batches,
    reaching::not_identified,
    reaching::coarse_evaluations,
    reading::unlike_machines,
    reading::batch_in_the_objective,
    budget::order_of_the_data,
    budget::warm_up_and_decay,
    budget::memory_in_steps,
    reading::behind_in_training_too,
    reading::mean_over_an_epoch,
    reading::spread_at_unequal_losses,
    reading::noise_scale,
    reaching::other_data,
];

/// All warnings that apply to some groups of one sweep, each told once: where it does not apply to all of them, with the first
/// one that it applies to.
pub(super) fn warnings(groups: &[Facts<'_>]) -> Vec<Warning> {
    let told = |rule: &Rule| {
        let found: Vec<(&Facts<'_>, Warning)> =
            groups.iter().filter_map(|facts| Some((facts, rule(facts)?))).collect();
        let of_all = found.len() == groups.len();
        let (facts, warning) = found.into_iter().next()?;
        let label = &facts.comparison.label;
        let where_ = if of_all || label.is_empty() { String::new() } else { format!(" ({label})") };
        Some(Warning { message: format!("{}{where_}", warning.message), ..warning })
    };
    RULES.iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests;
