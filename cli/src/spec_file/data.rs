//! `[data]`.

use domain::spec::{DataSource, DataSpec, IdxData, Labels, Normalize, SyntheticData};

use super::nearest::listed;
use super::reader::{Field, Reader, Section};
use super::source::SourceId;

/// The formats that this version reads, and those that the contract names besides.
const SUPPORTED: [(&str, Format); 2] = [("idx", Format::Idx), ("synthetic", Format::Synthetic)];
const LATER: [&str; 3] = ["cifar10", "cifar100", "safetensors"];

#[derive(Debug, Clone, Copy)]
enum Format {
    Idx,
    Synthetic,
}

/// `[data]` as read, and where its path came from: a path in the file is relative to the file, one after `--set` to
/// the working folder.
#[derive(Debug)]
pub struct ReadData {
    /// What it says; values that could not be read are filled in, and their mistakes noted.
    pub spec: DataSpec,
    /// The source of `path`.
    pub path_source: Option<SourceId>,
}

/// Stands in where [data] could not be read.
#[must_use]
pub fn placeholder() -> ReadData {
    ReadData { spec: data_spec(DataSource::Synthetic(synthetic_placeholder())), path_source: None }
}

/// Reads the section.
pub fn read(mut section: Section<'_>, reader: &mut Reader) -> ReadData {
    let format = section.require("format", "format = \"synthetic\"").and_then(|field| format(&field, reader));
    let mut path_source = None;
    let source = match format {
        Some(Format::Idx) => {
            let field = section.require("path", "path = \"fashion-mnist\"");
            path_source = field.as_ref().map(|field| field.node.place.source);
            let path = field.and_then(|field| reader.text(&field));
            DataSource::Idx(IdxData { path: path.unwrap_or_else(|| "unread".to_owned()) })
        }
        Some(Format::Synthetic) => DataSource::Synthetic(synthetic(&mut section, reader)),
        None => {
            section.allow_all();
            DataSource::Synthetic(synthetic_placeholder())
        }
    };
    let spec = DataSpec {
        validation: section.take("validation").and_then(|field| reader.whole(&field)).unwrap_or(0),
        limit: section.take("limit").and_then(|field| reader.whole(&field)),
        normalize: section
            .take("normalize")
            .and_then(|field| reader.word(&field, &Normalize::ALL))
            .unwrap_or(Normalize::Unit),
        ..data_spec(source)
    };
    section.finish(reader, |key| explain(key, format));
    ReadData { spec, path_source }
}

fn format(field: &Field<'_>, reader: &mut Reader) -> Option<Format> {
    if let super::tree::Kind::Text(text) = &field.node.kind
        && LATER.contains(&text.as_str())
    {
        let title = format!("data format {text:?} is not supported by this version");
        return reader.refused(
            field,
            title,
            Some(format!("supported: {}", listed(SUPPORTED.map(|(word, _)| word)))),
        );
    }
    reader.word(field, &SUPPORTED)
}

fn synthetic(section: &mut Section<'_>, reader: &mut Reader) -> SyntheticData {
    let fallback = synthetic_placeholder();
    let whole = |field: Option<Field<'_>>, reader: &mut Reader| field.and_then(|field| reader.whole(&field));
    SyntheticData {
        examples: whole(section.require("examples", "examples = 1000"), reader).unwrap_or(fallback.examples),
        features: section
            .require("features", "features = [10]")
            .and_then(|field| reader.list(&field, "[10]", Reader::whole))
            .unwrap_or(fallback.features),
        classes: whole(section.require("classes", "classes = 2"), reader).unwrap_or(fallback.classes),
        labels: section
            .take("labels")
            .and_then(|field| reader.word(&field, &Labels::ALL))
            .unwrap_or(fallback.labels),
        seed: whole(section.take("seed"), reader),
    }
}

fn explain(key: &str, format: Option<Format>) -> Option<String> {
    let of_synthetic = ["examples", "features", "classes", "labels", "seed"].contains(&key);
    match (key, format) {
        ("upload", _) => {
            Some("`upload` is not supported by this version; put the files on the worker, use `path`".into())
        }
        ("path", Some(Format::Synthetic)) => {
            Some("`path` belongs to format = \"idx\"; synthetic data has no files".into())
        }
        (_, Some(Format::Idx)) if of_synthetic => Some(format!("`{key}` belongs to format = \"synthetic\"")),
        _ => None,
    }
}

fn data_spec(source: DataSource) -> DataSpec {
    DataSpec { source, validation: 0, limit: None, normalize: Normalize::Unit }
}

/// Passes every check, whatever the other keys say.
fn synthetic_placeholder() -> SyntheticData {
    SyntheticData { examples: 1 << 30, features: vec![1], classes: 2, labels: Labels::Random, seed: None }
}
