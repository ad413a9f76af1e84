//! What a sweep does not say: the readings that its numbers invite and do not bear out.
//!
//! The ids are those of a list of 24 pitfalls that `docs/ANALYSIS.md` keeps. Told here, where they apply: W1 to W17
//! and W19 to W26. W18 (memory of a reused process) cannot occur: peaks come from the allocator's own count, which
//! is set back before each trial, and not from the process. Of W10, a loss that is a sum over the batch cannot
//! occur: losses are means. W6 needs the curves, and is told where the caller has looked at them
//! ([`super::TrialRecord::steps_between_evaluations`]).
//!
//! - `tuning`: was each batch size given a fair chance (W1, W2, W7, W13, W14),
//! - `budget`: what equal budgets hide (W3, W4, W11, W12, W19),
//! - `reaching`: steps to the target and the critical batch size (W5, W6, W8, W20, W21),
//! - `reading`: numbers that invite a wrong reading (W9, W10, W15, W16, W17, W22),
//! - `same`: trials that are not what they seem to be: repeats of one another, no repeats at all, or without a loss
//!   (W23 to W26).

mod tuning;

mod budget;

mod reaching;

mod reading;

mod same;

use super::facts::Facts;
pub use same::same_weights;

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

/// In the order in which they are told: first what forbids the comparison, then what limits it, last what is easily
/// misread.
const RULES: [Rule; 24] = [
    same::unlike_data,
    same::without_a_finite_loss,
    same::seeds_are_no_repeats,
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

/// All warnings that apply to some groups of one sweep, each told once: of the first group that it applies to, with
/// its name, and how many others it applies to.
pub(super) fn warnings(groups: &[Facts<'_>]) -> Vec<Warning> {
    let told = |rule: &Rule| {
        let found: Vec<(&Facts<'_>, Warning)> =
            groups.iter().filter_map(|facts| Some((facts, rule(facts)?))).collect();
        let (facts, first) = found.first()?;
        let same_of_all = found.len() == groups.len() && found.iter().all(|(_, other)| other == first);
        let where_ = match (found.len() - 1, facts.comparison.label.as_str()) {
            (_, "") => String::new(),
            (1.., _) if same_of_all => " (the same in every group)".to_owned(),
            (0, label) => format!(" ({label})"),
            (1, label) => format!(" ({label}; likewise in 1 other group)"),
            (others, label) => format!(" ({label}; likewise in {others} other groups)"),
        };
        Some(Warning { message: format!("{}{where_}", first.message), id: first.id })
    };
    same::changed_nothing(groups).into_iter().chain(RULES.iter().filter_map(told)).collect()
}

#[cfg(test)]
mod fixture;

#[cfg(test)]
mod tests {
    use super::fixture::{ids, trained};
    use crate::analysis::{TrialRecord, analyze};
    use crate::lifecycle::TrialStatus;
    use crate::spec::Value;

    #[test]
    fn the_seed_example_is_read_honestly() {
        let trials = [trained(1, 0.01, 0.696), trained(32, 0.01, 0.727), trained(1024, 0.01, 0.775)];
        let found = analyze(&trials, None).warnings;
        assert_eq!(ids(&trials), ["W1", "W4", "W3",]);
        assert_eq!(
            found[0].message,
            "The learning rate was not retuned: every batch size used 0.01, and the number of updates differs 1000x. \
             The differences are not the batch size's own; give each batch size several learning rates."
        );
        assert!(found[1].message.contains("batch size 1024 made 3 updates, batch size 1 made 3000"));
        assert!(found[2].message.starts_with("Batch size 1024 is larger than the 1000 training examples"));
    }

    #[test]
    fn every_warning_stands_on_the_page_about_them() {
        let page = include_str!("../../../../docs/ANALYSIS.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| W")?.split_once(" |"));
        let ids: Vec<u32> = rows.filter_map(|(id, _)| id.parse().ok()).collect();
        assert_eq!(ids, (1..=26).collect::<Vec<u32>>());
    }

    #[test]
    fn nothing_is_told_of_nothing() {
        assert!(ids(&[]).is_empty());
        for status in
            [TrialStatus::Failed, TrialStatus::Cancelled, TrialStatus::Running, TrialStatus::Pending]
        {
            assert!(ids(&[TrialRecord::new(1, 0.1, 0, status)]).is_empty(), "{status}");
        }
    }

    #[test]
    fn what_holds_of_one_group_only_names_it() {
        let with = |optimizer: &str, trial: TrialRecord| TrialRecord {
            axes: vec![("optimizer".to_owned(), Value::Word(optimizer.to_owned()))],
            ..trial
        };
        let sgd =
            [(0.1, 0.9), (0.2, 0.5), (0.4, 0.8)].map(|(rate, loss)| with("sgd", trained(50, rate, loss)));
        let adam =
            [(0.1, 0.9), (0.2, 0.8), (0.4, 0.5)].map(|(rate, loss)| with("adam", trained(50, rate, loss)));
        let found = analyze(&[sgd, adam].concat(), None).warnings;
        assert_eq!(found.len(), 1);
        assert!(found[0].id == "W2" && found[0].message.ends_with("(optimizer adam)"), "{found:?}");
        let higher = |rate, loss| trained(50, rate, loss);
        let rising = [higher(0.1, 0.9), higher(0.2, 0.8)];
        let falling = [higher(0.1, 0.8), higher(0.2, 0.9)];
        let both = [rising.map(|trial| with("sgd", trial)), falling.clone().map(|trial| with("adam", trial))]
            .concat();
        assert!(analyze(&both, None).warnings[0].message.ends_with("likewise in 1 other group)"));
        let same =
            [falling.clone().map(|trial| with("sgd", trial)), falling.map(|trial| with("adam", trial))]
                .concat();
        assert!(analyze(&same, None).warnings[0].message.ends_with("(the same in every group)"));
    }
}
