//! Steps to the target, and the critical batch size made of them.

use super::Warning;
use crate::analysis::critical::{Gap, Verdict};
use crate::analysis::facts::Facts;
use crate::analysis::target::Reach;
use crate::analysis::words;

/// W5: some trials were given too little to meet the target.
pub(super) fn missed_the_target(facts: &Facts<'_>) -> Option<Warning> {
    let rows = &facts.comparison.to_target;
    if !rows.iter().any(|row| row.reached > 0) {
        // W20 tells that nothing met it.
        return None;
    }
    let never: Vec<String> = rows
        .iter()
        .filter_map(|row| match row.steps {
            Reach::NotReached { above: Some(above) } => {
                Some(format!("batch size {} takes more than {above:.0} steps", row.batch_size))
            }
            Reach::NotReached { above: None } => Some(format!("batch size {} only diverged", row.batch_size)),
            Reach::Reached { high: None, .. } => Some(format!(
                "{} of {} at batch size {} missed it",
                row.tried - row.reached,
                words::count(usize::try_from(row.tried).unwrap_or(usize::MAX), "seed"),
                row.batch_size
            )),
            Reach::Reached { .. } => None,
        })
        .collect();
    (!never.is_empty()).then(|| {
        Warning::new(
            "W5",
            format!(
                "Not every trial met the target: {}. Those are bounds, not values; give them a larger budget.",
                never.join("; ")
            ),
        )
    })
}

/// W6: evaluations too far apart to tell when the target was met.
pub(super) fn coarse_evaluations(facts: &Facts<'_>) -> Option<Warning> {
    const COARSE: f64 = 0.1;
    let coarse = facts.trained().filter_map(|trial| {
        let (steps, gap) = trial.steps_to_target.zip(trial.steps_between_evaluations)?;
        let share = gap as f64 / steps as f64;
        (share > COARSE).then_some((trial.batch_size, steps, gap, share))
    });
    let (size, steps, gap, _) = coarse.max_by(|left, right| left.3.total_cmp(&right.3))?;
    Some(Warning::new(
        "W6",
        format!(
            "Steps to the target are known only to the evaluation before: at batch size {size} it was met \
             after {} to {steps} steps. A harder target is met later and so told more finely.",
            steps.saturating_sub(gap) + 1
        ),
    ))
}

/// W8: the grid does not pin the critical batch size down.
pub(super) fn not_identified(facts: &Facts<'_>) -> Option<Warning> {
    let critical = facts.comparison.critical.as_ref()?;
    let Verdict::NotIdentified { why, .. } = critical.verdict else { return None };
    let what = match why {
        // Two points are no curve to be misled by.
        Gap::TooFewBatchSizes => return None,
        Gap::SmallBatches => "add smaller batch sizes (at least two below a third of it)",
        Gap::LargeBatches => "add larger batch sizes (at least two above three times it)",
        Gap::Both => {
            "add smaller and larger batch sizes (at least two below a third of it and two above three times it)"
        }
        Gap::MissedTarget => {
            "give the batch sizes that missed the target a larger budget or better learning rates"
        }
    };
    Some(Warning::new(
        "W8",
        format!(
            "The critical batch size is not identified by this grid, whatever a curve through its points \
             suggests; {what}."
        ),
    ))
}

/// W20: a target that everything meets at once, or nothing.
pub(super) fn target_says_little(facts: &Facts<'_>) -> Option<Warning> {
    let rows = &facts.comparison.to_target;
    if rows.is_empty() || facts.is_open() {
        return None;
    }
    if rows.iter().all(|row| row.reached == 0) {
        return Some(Warning::new(
            "W20",
            "No trial met the target, so there is nothing to say about steps to it. Choose one that the best \
             trials meet: a few percent above the worst of the best losses.",
        ));
    }
    facts.target_is_easy().then(|| {
        Warning::new(
            "W20",
            "The target is met within the first epoch by most batch sizes: it is too easy to tell them \
             apart, and the critical batch size grows with harder ones. Choose a harder target.",
        )
    })
}

/// W21: a critical batch size is one of this model, data and target.
pub(super) fn other_data(facts: &Facts<'_>) -> Option<Warning> {
    facts.comparison.critical_batch_size().map(|_| {
        Warning::new(
            "W21",
            "The critical batch size belongs to this model, data, optimizer and target: others differ by \
             factors of thousands (Shallue et al. 2019). Measure it again where one of them changes.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{met, told};
    use crate::analysis::TrialRecord;
    use crate::lifecycle::TrialStatus;
    use crate::spec::{Target, TargetMetric, TrainSpec};

    fn with_target() -> TrainSpec {
        let target = Target { metric: TargetMetric::TrainSetLoss, below: 0.1 };
        TrainSpec { target: Some(target), ..TrainSpec::default() }
    }

    #[test]
    fn a_batch_size_that_misses_the_target_is_a_bound() {
        let message = told("W5", &[met(10, Some(200)), met(50, None)], None).unwrap();
        assert!(message.contains("batch size 50 takes more than 60 steps"), "{message}");
        let seed = |seed, steps| TrialRecord { seed, ..met(10, steps) };
        let message = told("W5", &[seed(0, Some(200)), seed(1, Some(210)), seed(2, None)], None).unwrap();
        assert!(message.contains("1 of 3 seeds at batch size 10 missed it"), "{message}");
        assert_eq!(told("W5", &[met(10, Some(200)), met(50, Some(50))], None), None);
    }

    #[test]
    fn evaluations_far_apart_are_told() {
        let trial = |gap| TrialRecord { steps_between_evaluations: gap, ..met(10, Some(200)) };
        assert!(told("W6", &[trial(Some(100))], None).unwrap().contains("after 101 to 200 steps"));
        assert_eq!(told("W6", &[trial(Some(20))], None), None);
        assert_eq!(told("W6", &[trial(None)], None), None);
    }

    #[test]
    fn a_grid_without_large_batches_does_not_identify_it() {
        let steps = |size: u64| Some(100 + 1000 / size);
        let small: Vec<TrialRecord> = [1, 2, 4, 8].iter().map(|&size| met(size, steps(size))).collect();
        let message = told("W8", &small, None).unwrap();
        assert!(message.contains("add larger batch sizes"), "{message}");
        let wide: Vec<TrialRecord> =
            [1, 2, 8, 32, 128, 512].iter().map(|&size| met(size, steps(size))).collect();
        assert_eq!(told("W8", &wide, None), None);
        assert!(told("W21", &wide, None).unwrap().contains("belongs to this model"));
        assert_eq!(told("W21", &small, None), None);
        assert_eq!(told("W8", &small[..2], None), None, "two points are no curve");
    }

    #[test]
    fn a_target_that_nothing_meets_or_everything_at_once_says_little() {
        let none = [met(10, None), met(50, None)];
        assert!(told("W20", &none, Some(&with_target())).unwrap().contains("No trial met the target"));
        assert_eq!(told("W20", &none, None), None, "there is no target");
        // 1000 examples are one epoch.
        assert!(told("W20", &[met(10, Some(90)), met(50, Some(15))], None).unwrap().contains("too easy"));
        assert_eq!(told("W20", &[met(10, Some(250)), met(50, Some(55))], None), None);
        let running = TrialRecord::new(50, 0.1, 0, TrialStatus::Running);
        assert_eq!(told("W20", &[met(10, None), running], Some(&with_target())), None);
    }
}
