//! `[model]`.

use domain::spec::{CnnModel, MlpModel, ModelSpec, Norm, PythonCode, ResNetModel, ScriptModel};

use super::code;
use super::files::Files;
use super::reader::{Field, Reader, Section};

/// The kind of a model, before its other keys are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Linear,
    Mlp,
    Cnn,
    ResNet,
    TorchScript,
    Python,
}

/// The words for the kinds.
pub(super) const KINDS: [(&str, Kind); 6] = [
    ("linear", Kind::Linear),
    ("mlp", Kind::Mlp),
    ("cnn", Kind::Cnn),
    ("resnet", Kind::ResNet),
    ("torchscript", Kind::TorchScript),
    ("python", Kind::Python),
];

/// Each key of a model, and the kinds that it belongs to.
const HOMES: [(&str, &str); 12] = [
    ("hidden", "kind = \"mlp\" or \"cnn\""),
    ("dropout", "kind = \"mlp\" or \"cnn\""),
    ("channels", "kind = \"cnn\""),
    ("kernel", "kind = \"cnn\""),
    ("pooling", "kind = \"cnn\""),
    ("norm", "kind = \"cnn\" or \"resnet\""),
    ("depth", "kind = \"resnet\""),
    ("width", "kind = \"resnet\""),
    ("path", "kind = \"python\" or \"torchscript\""),
    ("upload", "kind = \"python\" or \"torchscript\""),
    ("function", "kind = \"python\""),
    ("arguments", "kind = \"python\""),
];

/// Reads the section; values that cannot be read are filled in, and their mistakes noted.
pub(super) fn read(mut section: Section<'_>, files: &mut Files<'_>, reader: &mut Reader) -> ModelSpec {
    let kind = section.require("kind", "kind = \"mlp\"").and_then(|field| reader.word(&field, &KINDS));
    let spec = match kind {
        Some(Kind::Linear) => ModelSpec::Linear,
        Some(Kind::Mlp) => {
            let hidden = section.require("hidden", "hidden = [64]");
            let hidden = sizes(hidden, reader).unwrap_or_else(|| vec![1]);
            ModelSpec::Mlp(MlpModel { hidden, dropout: dropout(&mut section, reader) })
        }
        Some(Kind::Cnn) => ModelSpec::Cnn(cnn(&mut section, reader)),
        Some(Kind::ResNet) => {
            let default = ResNetModel::default();
            ModelSpec::ResNet(ResNetModel {
                depth: whole(section.require("depth", "depth = 20"), reader).unwrap_or(default.depth),
                width: whole(section.take("width"), reader).unwrap_or(default.width),
                norm: norm(&mut section, reader).unwrap_or(default.norm),
            })
        }
        Some(Kind::TorchScript) => {
            let file = files.file(&mut section, reader, "path = \"net.pt\"` or `upload = \"net.pt\"");
            ModelSpec::TorchScript(ScriptModel { file })
        }
        Some(Kind::Python) => {
            const EXAMPLE: &str = "path = \"net.py\"` or `upload = \"net.py\"";
            ModelSpec::Python(code::read(&mut section, EXAMPLE, PythonCode::MODEL, files, reader))
        }
        None => {
            section.allow_all();
            ModelSpec::Linear
        }
    };
    section.finish(reader, explain);
    spec
}

fn cnn(section: &mut Section<'_>, reader: &mut Reader) -> CnnModel {
    let default = CnnModel::default();
    let channels = section.require("channels", "channels = [16, 32]");
    let channels = sizes(channels, reader).unwrap_or_else(|| vec![1]);
    let hidden = section.take("hidden");
    CnnModel {
        channels,
        kernel: whole(section.take("kernel"), reader).unwrap_or(default.kernel),
        pooling: whole(section.take("pooling"), reader).unwrap_or(default.pooling),
        hidden: sizes(hidden, reader).unwrap_or_default(),
        dropout: dropout(section, reader),
        norm: norm(section, reader).unwrap_or(default.norm),
    }
}

fn whole(field: Option<Field<'_>>, reader: &mut Reader) -> Option<u64> {
    field.and_then(|field| reader.whole(&field))
}

fn sizes(field: Option<Field<'_>>, reader: &mut Reader) -> Option<Vec<u64>> {
    field.and_then(|field| reader.list(&field, "[64, 32]", Reader::whole))
}

fn dropout(section: &mut Section<'_>, reader: &mut Reader) -> f64 {
    section.take("dropout").and_then(|field| reader.number(&field)).unwrap_or(0.0)
}

fn norm(section: &mut Section<'_>, reader: &mut Reader) -> Option<Norm> {
    section.take("norm").and_then(|field| reader.word(&field, &Norm::ALL))
}

fn explain(key: &str) -> Option<String> {
    let (_, home) = HOMES.iter().find(|(known, _)| *known == key)?;
    Some(format!("`{key}` belongs to {home}"))
}
