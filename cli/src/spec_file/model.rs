//! `[model]`.

use domain::spec::{CnnModel, MlpModel, ModelSpec, Norm, ResNetModel, ScriptModel};

use super::reader::{Field, Reader, Section};
use super::source::SourceId;

/// The kind of a model, before its other keys are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Linear,
    Mlp,
    Cnn,
    ResNet,
    TorchScript,
}

/// The words for the kinds.
pub(super) const KINDS: [(&str, Kind); 5] = [
    ("linear", Kind::Linear),
    ("mlp", Kind::Mlp),
    ("cnn", Kind::Cnn),
    ("resnet", Kind::ResNet),
    ("torchscript", Kind::TorchScript),
];

/// Each key of a model, and the kinds that it belongs to.
const HOMES: [(&str, &str); 9] = [
    ("hidden", "kind = \"mlp\" or \"cnn\""),
    ("dropout", "kind = \"mlp\" or \"cnn\""),
    ("channels", "kind = \"cnn\""),
    ("kernel", "kind = \"cnn\""),
    ("pooling", "kind = \"cnn\""),
    ("norm", "kind = \"cnn\" or \"resnet\""),
    ("depth", "kind = \"resnet\""),
    ("width", "kind = \"resnet\""),
    ("path", "kind = \"torchscript\""),
];

/// `[model]` as read, and where its path came from: a path in the file is relative to the file, one after `--set` to
/// the working folder.
#[derive(Debug)]
pub struct ReadModel {
    /// What it says; values that could not be read are filled in, and their mistakes noted.
    pub spec: ModelSpec,
    /// The source of `path`.
    pub path_source: Option<SourceId>,
}

/// Stands in where [model] could not be read.
#[must_use]
pub fn placeholder() -> ReadModel {
    ReadModel { spec: ModelSpec::Linear, path_source: None }
}

/// Reads the section.
pub fn read(mut section: Section<'_>, reader: &mut Reader) -> ReadModel {
    let kind = section.require("kind", "kind = \"mlp\"").and_then(|field| reader.word(&field, &KINDS));
    let mut path_source = None;
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
            let field = section.require("path", "path = \"net.pt\"");
            path_source = field.as_ref().map(|field| field.node.place.source);
            let path = field.and_then(|field| reader.text(&field));
            ModelSpec::TorchScript(ScriptModel { path: path.unwrap_or_else(|| "unread".to_owned()) })
        }
        None => {
            section.allow_all();
            ModelSpec::Linear
        }
    };
    section.finish(reader, explain);
    ReadModel { spec, path_source }
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
    if key == "upload" {
        return Some(
            "`upload` is not supported by this version; put the file on the worker, use `path`".to_owned(),
        );
    }
    let (_, home) = HOMES.iter().find(|(known, _)| *known == key)?;
    Some(format!("`{key}` belongs to {home}"))
}
