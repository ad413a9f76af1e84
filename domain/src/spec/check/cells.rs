//! What the cells of the grid amount to: settings that contradict each other in a cell, and axes that change no cell.
//!
//! Both are questions about combinations, so they are asked of the cells and not of `[train]` alone: with an axis of momenta,
//! `nesterov = true` is sound though `[train]` itself has no momentum.

use super::Issues;
use crate::spec::{Axis, Loss, ModelSpec, OptimizerKind, SweepDraft, TrainAxis, TrainKey, TrainSpec, Value};

pub(super) fn check(draft: &SweepDraft, found: &mut Issues) {
    let cells = Cells::of(draft);
    if let Some(cell) = cells.0.iter().find(|cell| cell.train.nesterov && cell.train.momentum == 0.0) {
        let path =
            cell.path(&[TrainKey::Momentum, TrainKey::Nesterov]).unwrap_or("train.nesterov".to_owned());
        found.add(path, "Nesterov's rule needs a momentum", Some("set `momentum = 0.9`"));
    }
    if let Some((cell, (message, help))) =
        cells.0.iter().find_map(|cell| Some((cell, misfit(cell.train.loss, draft)?)))
    {
        found.add(cell.path(&[TrainKey::Loss]).unwrap_or("train.loss".to_owned()), message, Some(help));
    }
    for axis in draft.grid.train.iter().filter(|axis| axis.values.len() > 1 && !cells.0.is_empty()) {
        if !cells.0.iter().any(|cell| has_effect(axis.key, &cell.train)) {
            let key = axis.key.word();
            let message =
                format!("`{key}` changes nothing {}, so the same trial would run twice", cells.with());
            found.add(
                format!("grid.{key}"),
                message,
                Some(&format!("remove the axis, or {}", remedy(axis.key))),
            );
        }
    }
}

/// What is wrong with a loss for this model and this data, and what to do.
fn misfit(loss: Loss, draft: &SweepDraft) -> Option<(String, &'static str)> {
    let word = loss.word();
    match loss {
        Loss::Model if !matches!(draft.model, ModelSpec::Python(_)) => Some((
            format!(
                "`loss = \"{word}\"` is a function in the file of a Python model, and this model has none"
            ),
            "use a loss of another name, or a model of kind \"python\"",
        )),
        Loss::Mae | Loss::Huber | Loss::BinaryCrossEntropy if draft.data.source.has_classes() => Some((
            format!(
                "`loss = \"{word}\"` needs numbers as targets, and format = \"{}\" has classes",
                draft.data.source.format()
            ),
            "use \"cross_entropy\", or \"mse\" against one-hot classes",
        )),
        _ => None,
    }
}

/// Every combination of the axes over `[train]`.
struct Cells<'a>(Vec<Cell<'a>>);

struct Cell<'a> {
    train: TrainSpec,
    values: Vec<(&'a TrainAxis, &'a Value)>,
}

impl<'a> Cells<'a> {
    fn of(draft: &'a SweepDraft) -> Self {
        let cell = |combination: Vec<(Axis<'a>, &'a Value)>| {
            let mut train = draft.train.clone();
            let mut values = Vec::new();
            for (axis, value) in combination {
                if let Axis::Train(axis) = axis {
                    train.set(axis.key, value).ok()?;
                    values.push((axis, value));
                }
            }
            Some(Cell { train, values })
        };
        Self(draft.grid.combinations().into_iter().filter_map(cell).collect())
    }

    /// The optimizers, in words.
    fn with(&self) -> String {
        let mut words: Vec<_> = self.0.iter().map(|cell| cell.train.optimizer.word()).collect();
        words.dedup();
        format!("with optimizer = \"{}\"", words.join("\" or \""))
    }
}

impl Cell<'_> {
    /// The value of the first of these keys that is an axis, by its place in the file.
    fn path(&self, keys: &[TrainKey]) -> Option<String> {
        let is_axis = |key: &&TrainKey| self.values.iter().any(|(axis, _)| axis.key == **key);
        let key = *keys.iter().find(is_axis)?;
        let (axis, value) = self.values.iter().find(|(axis, _)| axis.key == key)?;
        let index = axis.values.iter().position(|other| other == *value)?;
        Some(format!("grid.{}[{index}]", key.word()))
    }
}

/// Whether another value of the key could change a trial of these settings. `true` where only the data can show it.
fn has_effect(key: TrainKey, train: &TrainSpec) -> bool {
    use OptimizerKind::{Adam, AdamW, RmsProp, Sgd};
    match key {
        TrainKey::Momentum => matches!(train.optimizer, Sgd | RmsProp),
        TrainKey::Nesterov => train.optimizer == Sgd && train.momentum > 0.0,
        TrainKey::Beta1 => matches!(train.optimizer, Adam | AdamW),
        TrainKey::Beta2 | TrainKey::Epsilon => matches!(train.optimizer, Adam | AdamW | RmsProp),
        _ => true,
    }
}

fn remedy(key: TrainKey) -> &'static str {
    match key {
        TrainKey::Nesterov => "use optimizer = \"sgd\" with a momentum",
        TrainKey::Momentum => "use optimizer = \"sgd\" or \"rmsprop\"",
        _ => "use optimizer = \"adam\" or \"adamw\"",
    }
}
