//! `[model]`.

use domain::spec::ModelSpec;

use super::nearest::listed;
use super::reader::{Field, Reader, Section};

#[derive(Debug, Clone, Copy)]
enum Kind {
    Linear,
    Mlp,
    Cnn,
}

const SUPPORTED: [(&str, Kind); 3] = [("linear", Kind::Linear), ("mlp", Kind::Mlp), ("cnn", Kind::Cnn)];
const LATER: [&str; 2] = ["resnet", "torchscript"];

/// Reads the section; values that could not be read are filled in, and their mistakes noted.
pub fn read(mut section: Section<'_>, reader: &mut Reader) -> ModelSpec {
    let kind = section.require("kind", "kind = \"mlp\"").and_then(|field| kind(&field, reader));
    let model = match kind {
        Some(Kind::Linear) => ModelSpec::Linear,
        Some(Kind::Mlp) => {
            let hidden = section.require("hidden", "hidden = [64]");
            ModelSpec::Mlp { hidden: sizes(hidden, reader).unwrap_or_else(|| vec![1]) }
        }
        Some(Kind::Cnn) => {
            let channels = section.require("channels", "channels = [16, 32]");
            let channels = sizes(channels, reader).unwrap_or_else(|| vec![1]);
            let hidden = section.take("hidden");
            ModelSpec::Cnn { channels, hidden: sizes(hidden, reader).unwrap_or_default() }
        }
        None => {
            section.allow_all();
            ModelSpec::Linear
        }
    };
    section.finish(reader, |key| explain(key, kind));
    model
}

fn kind(field: &Field<'_>, reader: &mut Reader) -> Option<Kind> {
    if let super::tree::Kind::Text(text) = &field.node.kind
        && LATER.contains(&text.as_str())
    {
        let title = format!("model kind {text:?} is not supported by this version");
        return reader.refused(
            field,
            title,
            Some(format!("supported: {}", listed(SUPPORTED.map(|(word, _)| word)))),
        );
    }
    reader.word(field, &SUPPORTED)
}

fn sizes(field: Option<Field<'_>>, reader: &mut Reader) -> Option<Vec<u64>> {
    field.and_then(|field| reader.list(&field, "[64, 32]", Reader::whole))
}

fn explain(key: &str, kind: Option<Kind>) -> Option<String> {
    match (key, kind) {
        ("hidden", Some(Kind::Linear)) => Some("`hidden` belongs to kind = \"mlp\" or \"cnn\"".to_owned()),
        ("channels", Some(Kind::Linear | Kind::Mlp)) => {
            Some("`channels` belongs to kind = \"cnn\"".to_owned())
        }
        ("upload" | "path", _) => Some("models from files are not supported by this version".to_owned()),
        _ => None,
    }
}
