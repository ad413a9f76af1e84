//! `[train]`.

use domain::spec::{Budget, Target, TargetMetric, TrainKey, TrainSpec, Value};

use super::mistake::Mistake;
use super::nearest::nearest;
use super::reader::{Field, Reader, Section};
use super::tree::{Entry, Kind};

/// Reads the section; values that could not be read keep their default, and their mistakes are noted.
pub fn read(mut section: Section<'_>, reader: &mut Reader) -> TrainSpec {
    let mut train = TrainSpec::default();
    let mut budget: Option<&Entry> = None;
    for (word, key) in TrainKey::ALL {
        let Some(entry) = section.entry(word) else { continue };
        if key.is_budget() {
            if let Some(first) = budget {
                two_budgets(first, entry, reader);
                continue;
            }
            budget = Some(entry);
        }
        let field = Field { path: format!("train.{word}"), node: &entry.value };
        set(&mut train, key, &field, reader);
    }
    if let Some(field) = section.take("target") {
        train.target = target(&field, reader);
    }
    let misspelt_budget = section.rest().any(|entry| nearest(&entry.key, BUDGETS).is_some());
    if train.budget.is_none() && (budget.is_some() || misspelt_budget) {
        // It is there but could not be read: that mistake is told, a missing one need not be.
        train.budget = Some(Budget::Epochs(1));
    }
    section.finish(reader, |key| match key {
        "batch_size" | "learning_rate" | "seed" => Some(format!("`{key}` is an axis: set it in [grid]")),
        "lr" => Some("the learning rate is an axis: set `learning_rate` in [grid]".to_owned()),
        "budget" | "micro_batch" => Some(format!("`{key}` belongs in [memory]")),
        _ => None,
    });
    train
}

const BUDGETS: [&str; 3] = ["epochs", "steps", "examples"];

fn two_budgets(one: &Entry, other: &Entry, reader: &mut Reader) {
    let in_order = one.key_place.source == other.key_place.source
        && one.key_place.span.start < other.key_place.span.start;
    let (first, second) = if in_order { (one, other) } else { (other, one) };
    let title = format!("`{}` and `{}` both say how long a trial trains", first.key, second.key);
    reader.add(
        Mistake::new(title, Some(second.key_place.clone()))
            .context(first.key_place.clone(), "already said here")
            .help("keep exactly one of `epochs`, `steps` and `examples`"),
    );
}

fn set(train: &mut TrainSpec, key: TrainKey, field: &Field<'_>, reader: &mut Reader) {
    if let Kind::List(_) = field.node.kind {
        let help = format!("to try several, make it an axis: `{}` in [grid]", key.word());
        let _: Option<()> = reader.wrong_type(field, "a single value", Some(help));
        return;
    }
    if let Some(value) = value(key, field, reader) {
        // `value` has just tried it.
        let _ = train.set(key, &value);
    }
}

/// A value that its key can take.
pub fn value(key: TrainKey, field: &Field<'_>, reader: &mut Reader) -> Option<Value> {
    let value = reader.scalar(field)?;
    match TrainSpec::default().set(key, &value) {
        Ok(()) => Some(value),
        Err(error) => reader.refused(field, error.to_string(), help(&value, &error.expected)),
    }
}

/// The word that was meant, or the number as it should be written.
fn help(value: &Value, expected: &str) -> Option<String> {
    if let Value::Number(number) = value
        && expected.contains("whole number")
        && number.fract() == 0.0
    {
        return Some(format!("write {number:.0}"));
    }
    let Value::Word(word) = value else { return None };
    if word.parse::<f64>().is_ok() && expected.contains("number") {
        return Some(format!("write {word} without quotes"));
    }
    // The domain lists the words in quotes; the odd pieces are the words.
    let words = expected.split('"').skip(1).step_by(2);
    nearest(word, words).map(|meant| format!("did you mean \"{meant}\"?"))
}

fn target(field: &Field<'_>, reader: &mut Reader) -> Option<Target> {
    let mut section = match &field.node.kind {
        Kind::Table(table) => Section::new(&field.path, Some(field.node.place.clone()), table),
        _ => {
            let help = "such as { metric = \"validation_error\", below = 0.15 }".to_owned();
            return reader.wrong_type(field, "a table", Some(help));
        }
    };
    let metric = section
        .require("metric", "metric = \"validation_error\"")
        .and_then(|field| reader.word(&field, &TargetMetric::ALL));
    let below = section.require("below", "below = 0.15").and_then(|field| reader.number(&field));
    section.finish(reader, |_| None);
    Some(Target { metric: metric?, below: below? })
}
