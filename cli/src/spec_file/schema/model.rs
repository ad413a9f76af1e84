//! `[model]`.

use domain::spec::{CnnModel, MlpModel, Norm, PythonCode, ResNetModel};
use serde_json::{Value, json};

use super::super::model::{KINDS, Kind};
use super::{by_word, described, share, upload, whole, with_default, with_one_file, words};

pub(super) fn section() -> Value {
    let tables = KINDS.iter().map(|&(word, kind)| table(word, kind)).collect();
    by_word("What is trained.", "kind", tables)
}

fn table(word: &str, kind: Kind) -> Value {
    let (title, mut properties, required): (_, _, &[_]) = match kind {
        Kind::Linear => ("One linear layer", json!({}), &[]),
        Kind::Mlp => {
            ("A linear layer and ReLU for each hidden width, then a linear layer", mlp(), &["hidden"])
        }
        Kind::Cnn => {
            ("A convolution, ReLU and max pooling for each channel count, then as mlp", cnn(), &["channels"])
        }
        Kind::ResNet => ("A residual network for small images (He et al. 2016)", resnet(), &["depth"]),
        Kind::TorchScript => ("A scripted module of one's own", script(), &[]),
        Kind::Python => ("A module of one's own, in plain PyTorch", python(), &[]),
    };
    properties["kind"] = described("The kind of the model.", json!({ "const": word }));
    let required = [&["kind"], required].concat();
    let table = json!({
        "title": title,
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false
    });
    if matches!(kind, Kind::TorchScript | Kind::Python) { with_one_file(table) } else { table }
}

fn mlp() -> Value {
    json!({
        "hidden": described("Widths of the hidden layers, in order.", sizes(1)),
        "dropout": dropout(MlpModel::default().dropout)
    })
}

fn cnn() -> Value {
    let default = CnnModel::default();
    let odd = json!({ "type": "integer", "minimum": 1, "maximum": 31, "not": { "multipleOf": 2 } });
    json!({
        "channels": described("Output channels of the convolutions, in order.", sizes(1)),
        "kernel": with_default("Height and width of every kernel, odd.", default.kernel, odd),
        "pooling": with_default(
            "Height, width and stride of the max pooling after each convolution; 1 is no pooling.",
            default.pooling,
            whole(1, 31),
        ),
        "hidden": with_default("Widths of the hidden layers after flattening, in order.", default.hidden, sizes(0)),
        "dropout": dropout(default.dropout),
        "norm": norm(default.norm)
    })
}

fn resnet() -> Value {
    let default = ResNetModel::default();
    let depth = json!({
        "type": "integer", "minimum": 8, "maximum": 1202, "multipleOf": 2, "not": { "multipleOf": 3 },
        "examples": [8, 14, 20, 32, 44, 56, 110]
    });
    json!({
        "depth": described("Layers with weights: 8, 14, 20, 26, 32, ... (6 n + 2).", depth),
        "width": with_default("Channels of the first stage.", default.width, whole(1, 4096)),
        "norm": norm(default.norm)
    })
}

fn script() -> Value {
    let description =
        "The module on the worker, as torch.jit.save writes it; under `run`, relative to the sweep file.";
    json!({
        "path": { "description": description, "type": "string", "minLength": 1 },
        "upload": upload("The module, as torch.jit.save writes it")
    })
}

fn python() -> Value {
    code("The function in it that returns the torch.nn.Module.", PythonCode::MODEL)
}

/// Keys of Python code, whose function does this and is called so by default.
pub(super) fn code(function: &str, default: &str) -> Value {
    let description = "The Python file on the worker, or a folder that is a package; under `run`, relative to the sweep file.";
    let scalar = json!({ "type": ["boolean", "number", "string"] });
    let value = json!({ "anyOf": [scalar, { "type": "array", "maxItems": 1024 }] });
    json!({
        "path": { "description": description, "type": "string", "minLength": 1 },
        "upload": upload("The Python file"),
        "function": with_default(
            function,
            default,
            json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": 128 }),
        ),
        "arguments": described(
            "What that function is called with: keyword arguments.",
            json!({ "type": "object", "maxProperties": 64, "additionalProperties": value }),
        )
    })
}

fn sizes(least: u64) -> Value {
    json!({ "type": "array", "items": whole(1, 1 << 20), "minItems": least, "maxItems": 64 })
}

fn dropout(default: f64) -> Value {
    with_default("Share of each hidden layer's outputs set to 0 while training.", default, share())
}

fn norm(default: Norm) -> Value {
    with_default(
        "What normalises the outputs of a convolution: batch (over a micro-batch, so accumulation is approximate), group \
         (within each example) or none.",
        default.word(),
        words(&Norm::ALL),
    )
}
