//! Which trials are compared: those that differ only in batch size, learning rate and seed.

use super::record::TrialRecord;
use crate::spec::{TrainKey, TrainSpec, Value};

/// Trials that agree in every other axis of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    /// The values of the other axes, in the grid's order; empty where the grid has none.
    pub axes: &'a [(String, Value)],
    /// The trials, in the order given.
    pub trials: Vec<&'a TrialRecord>,
}

/// The groups, in the order in which they first occur.
#[must_use]
pub fn groups(records: &[TrialRecord]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for record in records {
        match groups.iter_mut().find(|group| group.axes == record.axes) {
            Some(group) => group.trials.push(record),
            None => groups.push(Group { axes: &record.axes, trials: vec![record] }),
        }
    }
    groups
}

impl Group<'_> {
    /// The values of the other axes in words, such as `optimizer adam, momentum 0.9`; empty where there are none.
    #[must_use]
    pub fn label(&self) -> String {
        let word = |value: &Value| match value {
            Value::Word(word) => word.clone(),
            other => other.to_string(),
        };
        let parts: Vec<String> = self
            .axes
            .iter()
            .map(|(name, value)| format!("{} {}", name.replace('_', " "), word(value)))
            .collect();
        parts.join(", ")
    }

    /// How its trials were trained: what the sweep says, with this group's axes laid over it.
    #[must_use]
    pub fn train(&self, sweep: &TrainSpec) -> TrainSpec {
        let mut train = sweep.clone();
        for (name, value) in self.axes {
            if let Some((_, key)) = TrainKey::ALL.into_iter().find(|(word, _)| word == name) {
                // A value that its key does not take cannot have been trained with.
                let _ = train.set(key, value);
            }
        }
        train
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::TrialStatus;
    use crate::spec::OptimizerKind;

    fn trial(batch_size: u64, axes: &[(&str, Value)]) -> TrialRecord {
        let axes = axes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        TrialRecord { axes, ..TrialRecord::new(batch_size, 0.1, 0, TrialStatus::Succeeded) }
    }

    #[test]
    fn trials_are_compared_across_batch_sizes_and_not_across_optimizers() {
        let optimizer = |word: &str| [("optimizer", Value::Word(word.to_owned()))];
        let records = [
            trial(1, &optimizer("sgd")),
            trial(1, &optimizer("adam")),
            trial(2, &optimizer("sgd")),
            trial(2, &optimizer("adam")),
        ];
        let groups = groups(&records);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].label(), "optimizer sgd");
        assert_eq!(groups[1].trials.iter().map(|trial| trial.batch_size).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(groups[1].train(&TrainSpec::default()).optimizer, OptimizerKind::Adam);
    }

    #[test]
    fn without_another_axis_there_is_one_group() {
        let records = [trial(1, &[]), trial(2, &[])];
        assert_eq!(groups(&records).len(), 1);
        assert_eq!(groups(&records)[0].label(), "");
        assert!(groups(&[]).is_empty());
    }
}
