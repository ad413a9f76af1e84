//! `[data]`.

use domain::spec::{Labels, Normalize, PythonCode};
use serde_json::{Value, json};

use super::super::data::{FORMATS, Format};
use super::{LARGEST, by_word, described, upload, whole, with_default, with_one_file, words};

pub(super) fn section() -> Value {
    let tables = FORMATS.iter().map(|&(word, format)| table(word, format)).collect();
    by_word("Where the examples come from.", "format", tables)
}

fn table(word: &str, format: Format) -> Value {
    let (title, mut properties, required): (_, _, &[_]) = match format {
        Format::Idx => (
            "MNIST's IDX files, plain or gzipped",
            path("A folder of MNIST's or Fashion-MNIST's files"),
            &["path"],
        ),
        Format::Cifar10 => (
            "CIFAR-10's binary version",
            path("A folder of data_batch_1.bin and so on, or one that holds it"),
            &["path"],
        ),
        Format::Cifar100 => {
            ("CIFAR-100's binary version", path("A folder of train.bin, or one that holds it"), &["path"])
        }
        Format::Safetensors => (
            "A file of tensors train_x, train_y and, if wanted, validation_x, validation_y",
            arrays("A safetensors file"),
            &[],
        ),
        Format::Npz => (
            "NumPy's arrays train_x, train_y and, if wanted, validation_x, validation_y",
            arrays("An .npz file, or a folder of .npy files"),
            &[],
        ),
        Format::Python => (
            "Map-style data sets that a function in a Python file returns",
            super::model::code(
                "The function in it that returns (train, validation or None), map-style data sets.",
                PythonCode::DATA,
            ),
            &[],
        ),
        Format::Synthetic => {
            ("Standard normal inputs, made from a seed", synthetic(), &["examples", "features", "classes"])
        }
    };
    properties["format"] = described("The format of the examples.", json!({ "const": word }));
    properties["validation"] =
        with_default("Hold out the last N training examples for validation.", 0, whole(0, LARGEST));
    properties["limit"] = described("Use only the first N training examples.", whole(1, LARGEST));
    properties["normalize"] = with_default(
        "What is done to the inputs: unit (bytes / 255), standard (by the training set's own mean and deviation of each \
         channel) or none.",
        if matches!(format, Format::Python) { "none" } else { "unit" },
        words(&Normalize::ALL),
    );
    let required = [&["format"], required].concat();
    let is_file = properties.get("upload").is_some();
    let table = json!({
        "title": title,
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false
    });
    if is_file { with_one_file(table) } else { table }
}

fn arrays(what: &str) -> Value {
    let name = || json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": 128 });
    let mut properties = path(what);
    properties["upload"] = upload(what);
    properties["inputs"] = with_default(
        "Names of the inputs, as in train_NAME, in the order in which the model takes them: one by its place, several by their \
         names.",
        json!(["x"]),
        json!({ "type": "array", "items": name(), "uniqueItems": true }),
    );
    properties["target"] = with_default("Name of the target, as in train_NAME.", "y", name());
    properties
}

fn path(what: &str) -> Value {
    let description = format!("{what}, on the worker; under `run`, relative to the sweep file.");
    json!({ "path": { "description": description, "type": "string", "minLength": 1 } })
}

fn synthetic() -> Value {
    let sizes = json!({ "type": "array", "items": whole(1, 1 << 34), "minItems": 1 });
    json!({
        "examples": described("How many training examples.", whole(1, 1 << 34)),
        "features": described("The shape of one example's input, such as [10] or [1, 28, 28].", sizes),
        "classes": described("How many classes the labels have.", whole(2, 1 << 20)),
        "labels": with_default(
            "random: independent of the inputs; teacher: a fixed random network names the class, so there is something to learn.",
            "random",
            words(&Labels::ALL),
        ),
        "seed": described(
            "Seed of the data; without it each trial's own seed, so that repeats differ in data too.",
            whole(0, LARGEST),
        )
    })
}
