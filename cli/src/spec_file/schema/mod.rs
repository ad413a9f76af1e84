//! The sweep file as JSON schema, for editors and for programs that write sweep files. It is built from the words that
//! the reader knows, so that no word can stand in one and not in the other; a test holds the keys and bounds together.
//!
//! What no schema can say stays with the reader: that no value stands twice in different spellings, that the hold-out
//! leaves examples to train on, that the grid is not too large.

mod data;
mod grid;
mod memory;
mod model;
mod search;
mod train;

use serde_json::{Map, Value, json};

use domain::spec::{Loss, TargetMetric, TrainKey};

/// The largest whole number that TOML has.
const LARGEST: u64 = i64::MAX as u64;

/// The schema, as JSON with a line break at its end.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", document())
}

/// The schema (JSON schema, draft 2020-12).
#[must_use]
pub fn document() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "batchsweep sweep file",
        "description": "A grid of batch sizes and learning rates to train over, version 1.",
        "type": "object",
        "required": ["data", "model", "grid", "train"],
        "properties": {
            "name": {
                "description": "A name to call the sweep by: lower-case letters, digits and hyphens.",
                "type": "string",
                "pattern": "^[a-z0-9-]+$",
                "maxLength": 63
            },
            "data": data::section(),
            "model": model::section(),
            "grid": grid::section(),
            "train": train::section(),
            "memory": memory::section(),
            "search": search::section()
        },
        "additionalProperties": false,
        "allOf": [
            one_budget(),
            validation_for_a_target(),
            target_to_stop_at(),
            numbers_for_a_loss(),
            code_for_a_loss()
        ],
        "$defs": train::definitions()
    })
}

/// Exactly one key says how long a trial trains, in [train] or as an axis.
fn one_budget() -> Value {
    let budgets = TrainKey::ALL.into_iter().filter(|(_, key)| key.is_budget());
    let places = budgets.flat_map(|(word, _)| {
        ["train", "grid"].map(|section| json!({ "properties": { section: { "required": [word] } } }))
    });
    json!({
        "description": "Exactly one of `epochs`, `steps` and `examples`, in [train] or as an axis of [grid].",
        "oneOf": places.collect::<Vec<_>>()
    })
}

/// A target on validation examples needs some; only files of arrays and data sets of one's own may bring theirs.
fn validation_for_a_target() -> Value {
    let measured = TargetMetric::ALL.iter().filter(|(_, metric)| *metric != TargetMetric::TrainSetLoss);
    let words: Vec<&str> = measured.map(|(word, _)| *word).collect();
    json!({
        "if": {
            "properties": {
                "train": {
                    "required": ["target"],
                    "properties": {
                        "target": { "required": ["metric"], "properties": { "metric": { "enum": words } } }
                    }
                },
                "data": { "required": ["format"], "properties": { "format": { "not": { "enum": ["safetensors", "npz", "python"] } } } }
            }
        },
        "then": { "properties": { "data": { "required": ["validation"], "properties": { "validation": { "minimum": 1 } } } } }
    })
}

/// Stopping at a target as an axis needs a target too.
fn target_to_stop_at() -> Value {
    json!({
        "if": { "properties": { "grid": { "required": ["stop_at_target"] } } },
        "then": { "properties": { "train": { "required": ["target"] } } }
    })
}

/// Losses against numbers need a format that may hold them.
fn numbers_for_a_loss() -> Value {
    let losses = [Loss::Mae, Loss::Huber, Loss::BinaryCrossEntropy].map(Loss::word);
    let formats = json!({ "format": { "enum": ["safetensors", "npz", "python"] } });
    json!({
        "if": with_a_loss_of(&losses),
        "then": { "properties": { "data": { "properties": formats } } }
    })
}

/// A loss of the model's own is a function in the file of a Python model.
fn code_for_a_loss() -> Value {
    json!({
        "if": with_a_loss_of(&[Loss::Model.word()]),
        "then": { "properties": { "model": { "properties": { "kind": { "const": "python" } } } } }
    })
}

/// Files with one of these losses, in [train] or as an axis.
fn with_a_loss_of(losses: &[&str]) -> Value {
    let of = |loss: Value, section: &str| {
        json!({
            "required": [section],
            "properties": { section: { "required": ["loss"], "properties": { "loss": loss } } }
        })
    };
    let is_axis = json!({ "required": ["grid"], "properties": { "grid": { "required": ["loss"] } } });
    let fixed = json!({ "allOf": [{ "not": is_axis }, of(json!({ "enum": losses }), "train")] });
    json!({ "anyOf": [fixed, of(json!({ "contains": { "enum": losses } }), "grid")] })
}

/// A schema that says what it is for.
fn described(description: &str, schema: Value) -> Value {
    let mut described = Map::from_iter([("description".to_owned(), description.into())]);
    if let Value::Object(rest) = schema {
        described.extend(rest);
    }
    Value::Object(described)
}

/// The same with the value that a file without the key has.
fn with_default(description: &str, default: impl Into<Value>, schema: Value) -> Value {
    let mut schema = described(description, schema);
    schema["default"] = default.into();
    schema
}

/// One of these words.
fn words<T>(all: &[(&'static str, T)]) -> Value {
    json!({ "enum": all.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
}

/// A whole number within bounds.
fn whole(least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// At least 0 and less than 1.
fn share() -> Value {
    json!({ "type": "number", "minimum": 0, "exclusiveMaximum": 1 })
}

/// At least one value, none twice.
fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items, "minItems": 1, "uniqueItems": true })
}

/// A table whose other keys depend on the word under `key`: one table for each word.
/// `upload`, in place of `path`.
fn upload(what: &str) -> Value {
    let description =
        format!("{what}, on this machine, relative to the sweep file: it is sent along; in place of `path`.");
    json!({ "description": description, "type": "string", "minLength": 1 })
}

/// A table that names one file, in one of the two ways.
fn with_one_file(mut table: Value) -> Value {
    table["oneOf"] = json!([{ "required": ["path"] }, { "required": ["upload"] }]);
    table
}

fn by_word(description: &str, key: &str, tables: Vec<Value>) -> Value {
    let words: Vec<&Value> = tables.iter().map(|table| &table["properties"][key]["const"]).collect();
    json!({
        "description": description,
        "type": "object",
        "required": [key],
        "properties": { key: { "enum": words } },
        "oneOf": tables
    })
}
