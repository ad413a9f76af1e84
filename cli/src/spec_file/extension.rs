//! `extend`: the grid of a sweep that was submitted, with `--set` laid over it.

use std::fmt::Write as _;

use domain::spec::{BatchSizeAxis, GridSpec, LearningRateAxis, Value};

use super::mistake::Mistake;
use super::reader::{Reader, Section};
use super::source::{SourceId, Sources};
use super::{Mistakes, grid, overrides, section, tree};

/// The grid that the arguments ask for: their axes, and those of the sweep that they leave alone.
///
/// # Errors
/// Every mistake in the arguments.
pub fn extension(of_sweep: &GridSpec, arguments: &[String]) -> Result<GridSpec, Box<Mistakes>> {
    let text = text(of_sweep);
    let mut sources = Sources::new("the sweep's grid".to_owned(), text.clone());
    let read = tree::parse(SourceId::FILE, &text).and_then(|mut document| {
        let mut mistakes = overrides::apply(&mut document, arguments, &mut sources);
        let mut reader = Reader::default();
        let mut root = Section::new("", None, &document);
        let grid =
            section(&mut root, "grid", Some("[grid]"), &mut reader).map(|s| grid::read(s, &mut reader));
        let elsewhere = document.entries.iter().filter(|entry| entry.key != "grid");
        mistakes.extend(elsewhere.map(|entry| {
            let message = format!(
                "`{}` is no axis of the grid: a sweep grows along its axes, and nothing else changes",
                entry.key
            );
            Mistake::new(message, Some(entry.key_place.clone())).help("submit another sweep for that")
        }));
        mistakes.extend(reader.into_mistakes());
        let grid = grid.map(|grid| in_order_of(of_sweep, grid));
        grid.filter(|_| mistakes.is_empty()).ok_or(mistakes)
    });
    read.map_err(|all| Box::new(Mistakes { all, sources }))
}

/// Axes in the order of the sweep's, on which the names of its trials depend; others follow.
fn in_order_of(of_sweep: &GridSpec, mut grid: GridSpec) -> GridSpec {
    let place = |key| of_sweep.train.iter().position(|axis| axis.key == key).unwrap_or(usize::MAX);
    grid.train.sort_by_key(|axis| place(axis.key));
    grid
}

/// As a sweep file has it.
fn text(grid: &GridSpec) -> String {
    let mut text = "[grid]\n".to_owned();
    let mut line = |key: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key} = {value}");
    };
    line(
        "batch_size",
        match &grid.batch_size {
            BatchSizeAxis::List(values) => format!("{values:?}"),
            BatchSizeAxis::Geometric { from, to, factor } => {
                format!("{{ from = {from}, to = {to}, factor = {factor} }}")
            }
        },
    );
    line(
        "learning_rate",
        match &grid.learning_rate {
            LearningRateAxis::List(values) => format!("{values:?}"),
            LearningRateAxis::LogSpaced { from, to, count } => {
                format!("{{ from = {from:?}, to = {to:?}, count = {count} }}")
            }
            LearningRateAxis::Scaled { base, at, rule, times } => {
                format!("{{ base = {base:?}, at = {at}, rule = {:?}, times = {times:?} }}", rule.word())
            }
        },
    );
    for axis in &grid.train {
        line(axis.key.word(), values(&axis.values));
    }
    for axis in &grid.model {
        line(&format!("model.{:?}", axis.key), values(&axis.values));
    }
    line("seed", format!("{:?}", grid.seed));
    text
}

fn values(values: &[Value]) -> String {
    let values = values.iter().map(|value| match value {
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => format!("{number:?}"),
        Value::Flag(flag) => flag.to_string(),
        Value::Word(word) => format!("{word:?}"),
    });
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use domain::spec::{ModelAxis, ScalingRule, TrainAxis, TrainKey};

    use super::*;

    fn grid(learning_rate: LearningRateAxis) -> GridSpec {
        let words = ["sgd", "adam"].map(|word| Value::Word(word.to_owned())).to_vec();
        GridSpec {
            batch_size: BatchSizeAxis::Geometric { from: 8, to: 64, factor: 2 },
            learning_rate,
            train: vec![
                TrainAxis { key: TrainKey::Optimizer, values: words },
                TrainAxis { key: TrainKey::Epsilon, values: vec![Value::Number(1e-8), Value::Integer(1)] },
            ],
            model: vec![ModelAxis {
                key: "width".to_owned(),
                values: vec![Value::Integer(16), Value::Flag(true)],
            }],
            seed: vec![0, 7],
        }
    }

    #[test]
    fn a_grid_is_read_as_it_was_and_an_argument_replaces_its_axis() {
        let axes = [
            LearningRateAxis::List(vec![1e-7, 0.5]),
            LearningRateAxis::LogSpaced { from: 0.001, to: 1.0, count: 4 },
            LearningRateAxis::Scaled { base: 0.1, at: 256, rule: ScalingRule::Sqrt, times: vec![0.5, 1.0] },
        ];
        for axis in axes {
            let grid = grid(axis);
            assert_eq!(extension(&grid, &[]).unwrap(), grid);
            let set =
                ["grid.learning_rate=[2, 4]", "grid.seed=[8]", "grid.optimizer=['adamw']"].map(str::to_owned);
            let wanted = extension(&grid, &set).unwrap();
            assert_eq!(
                (&wanted.learning_rate, &wanted.seed[..]),
                (&LearningRateAxis::List(vec![2.0, 4.0]), &[8][..])
            );
            assert_eq!(wanted.batch_size, grid.batch_size);
            assert_eq!(
                wanted.train.iter().map(|axis| axis.key).collect::<Vec<_>>(),
                [TrainKey::Optimizer, TrainKey::Epsilon]
            );
        }
    }

    #[test]
    fn only_the_grid_grows_and_mistakes_are_pointed_at() {
        let grid = grid(LearningRateAxis::List(vec![0.1]));
        let set = ["train.epochs=5", "grid.learning_rates=[1]", "grid.batch_size=8"].map(str::to_owned);
        insta::assert_snapshot!(extension(&grid, &set).unwrap_err().render(false));
    }
}
