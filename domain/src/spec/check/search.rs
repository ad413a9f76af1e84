//! `[search]`: what can be looked for in this grid.

use super::Issues;
use crate::spec::{Goal, SearchSpec, SweepDraft, TrainKey, Value};

pub(super) fn check(draft: &SweepDraft, found: &mut Issues) {
    let SearchSpec { goal, extend, max_trials, .. } = draft.search;
    if extend > SearchSpec::FARTHEST {
        let message = format!("an axis cannot grow by {extend} learning rates past its edge");
        found.add("search.extend", message, Some("use at most 64; 3 are mostly enough"));
    }
    if extend > 0 && draft.grid.learning_rate.len() == 1 {
        found.add(
            "search.extend",
            "an axis of one learning rate has no ratio to grow at",
            Some("give `grid.learning_rate` at least two values"),
        );
    }
    if max_trials == Some(0) {
        found.add(
            "search.max_trials",
            "a search of 0 trials finds nothing",
            Some("leave it out for no limit"),
        );
    }
    if goal == Goal::Best && may_stop_at_target(draft) {
        found.add(
            "search.goal",
            "trials that stop at their target are compared by the steps to it, and these are not comparable between batch sizes",
            Some("use goal = \"rows\", or leave out `stop_at_target`"),
        );
    }
}

fn may_stop_at_target(draft: &SweepDraft) -> bool {
    let axes = draft.grid.train.iter().filter(|axis| axis.key == TrainKey::StopAtTarget);
    let mut values = axes.flat_map(|axis| &axis.values);
    draft.train.stop_at_target || values.any(|value| *value == Value::Flag(true))
}
