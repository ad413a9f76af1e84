//! `[grid]`.

use domain::spec::{BatchSizeAxis, GridSpec, LearningRateAxis, ModelAxis, ScalingRule, TrainAxis, TrainKey};

use super::reader::{Field, Reader, Section};
use super::train;
use super::tree::{Entry, Kind};

/// Stands in where [grid] could not be read; passes every check.
#[must_use]
pub fn placeholder() -> GridSpec {
    GridSpec {
        batch_size: BatchSizeAxis::List(vec![1]),
        learning_rate: LearningRateAxis::List(vec![1.0]),
        train: Vec::new(),
        model: Vec::new(),
        seed: vec![0],
    }
}

/// Reads the section; values that could not be read are filled in, and their mistakes noted.
pub fn read(mut section: Section<'_>, reader: &mut Reader) -> GridSpec {
    let fallback = placeholder();
    let batch_size = section.require("batch_size", "batch_size = [1, 32, 1024]");
    let learning_rate = section.require("learning_rate", "learning_rate = [0.01, 0.1]");
    let seed = section.take("seed");
    let model = section.take("model").and_then(|field| model_axes(&field, reader)).unwrap_or_default();
    let train = TrainKey::ALL.into_iter().filter_map(|(word, key)| {
        let entry = section.entry(word)?;
        let field = Field { path: format!("grid.{word}"), node: &entry.value };
        let values =
            reader.list(&field, "[\"sgd\", \"adam\"]", |reader, item| train::value(key, item, reader))?;
        Some((entry.key_place.clone(), TrainAxis { key, values }))
    });
    let mut train: Vec<_> = train.collect();
    // Axes count in the order of the file; those of --set follow.
    train.sort_by_key(|(place, _)| (place.source, place.span.start));
    let grid = GridSpec {
        batch_size: batch_size
            .and_then(|field| batch_size_axis(&field, reader))
            .unwrap_or(fallback.batch_size),
        learning_rate: learning_rate
            .and_then(|field| learning_rate_axis(&field, reader))
            .unwrap_or(fallback.learning_rate),
        train: train.into_iter().map(|(_, axis)| axis).collect(),
        model,
        seed: seed.and_then(|field| reader.list(&field, "[0, 1, 2]", Reader::whole)).unwrap_or(fallback.seed),
    };
    section
        .finish(reader, |key| (key == "target").then(|| "`target` is no axis: set it in [train]".to_owned()));
    grid
}

/// `model.width = [32, 64]`.
fn model_axes(field: &Field<'_>, reader: &mut Reader) -> Option<Vec<ModelAxis>> {
    let Kind::Table(table) = &field.node.kind else {
        let help = "such as model.width = [32, 64]".to_owned();
        return reader.wrong_type(field, "a table", Some(help));
    };
    let read = |entry: &Entry| {
        let field = Field { path: format!("{}.{}", field.path, entry.key), node: &entry.value };
        let values = reader.list(&field, "[32, 64]", Reader::scalar)?;
        Some(ModelAxis { key: entry.key.clone(), values })
    };
    Some(table.entries.iter().filter_map(read).collect())
}

fn batch_size_axis(field: &Field<'_>, reader: &mut Reader) -> Option<BatchSizeAxis> {
    const EXAMPLE: &str = "[1, 32, 1024] or { from = 8, to = 8192, factor = 4 }";
    let Kind::Table(table) = &field.node.kind else {
        return reader.list(field, EXAMPLE, Reader::whole).map(BatchSizeAxis::List);
    };
    let mut section = Section::new(&field.path, Some(field.node.place.clone()), table);
    let from = section.require("from", "from = 8").and_then(|field| reader.whole(&field));
    let to = section.require("to", "to = 8192").and_then(|field| reader.whole(&field));
    let factor = section.require("factor", "factor = 4").and_then(|field| reader.whole(&field));
    section.finish(reader, |key| {
        (key == "count")
            .then(|| "batch sizes grow by a whole `factor`; learning rates take a `count`".to_owned())
    });
    Some(BatchSizeAxis::Geometric { from: from?, to: to?, factor: factor? })
}

fn learning_rate_axis(field: &Field<'_>, reader: &mut Reader) -> Option<LearningRateAxis> {
    const EXAMPLE: &str = "[0.01, 0.1] or { from = 1e-3, to = 1.0, count = 7 }";
    let Kind::Table(table) = &field.node.kind else {
        return reader.list(field, EXAMPLE, Reader::number).map(LearningRateAxis::List);
    };
    let mut section = Section::new(&field.path, Some(field.node.place.clone()), table);
    if ["base", "at", "rule", "times"].iter().any(|key| section.has(key)) {
        scaled_axis(section, reader)
    } else {
        let from = section.require("from", "from = 1e-3").and_then(|field| reader.number(&field));
        let to = section.require("to", "to = 1.0").and_then(|field| reader.number(&field));
        let count = section.require("count", "count = 7").and_then(|field| reader.whole(&field));
        section.finish(reader, |key| {
            (key == "factor")
                .then(|| "learning rates take a `count`; batch sizes grow by a `factor`".to_owned())
        });
        Some(LearningRateAxis::LogSpaced { from: from?, to: to?, count: count? })
    }
}

fn scaled_axis(mut section: Section<'_>, reader: &mut Reader) -> Option<LearningRateAxis> {
    let base = section.require("base", "base = 0.1").and_then(|field| reader.number(&field));
    let at = section.require("at", "at = 256").and_then(|field| reader.whole(&field));
    let rule =
        section.require("rule", "rule = \"linear\"").and_then(|field| reader.word(&field, &ScalingRule::ALL));
    let times = section
        .require("times", "times = [0.5, 1, 2]")
        .and_then(|field| reader.list(&field, "[0.5, 1, 2]", Reader::number));
    section.finish(reader, |_| None);
    Some(LearningRateAxis::Scaled { base: base?, at: at?, rule: rule?, times: times? })
}
