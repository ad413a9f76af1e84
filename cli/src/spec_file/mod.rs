//! The sweep file: TOML in, a checked [`SweepSpec`] out, or every mistake at once.
//!
//! - `source`: the texts, and places in them,
//! - `tree`: TOML whose every value knows its place,
//! - `overrides`: what `--set` lays over it; `extension`: over the grid of a sweep that was submitted,
//! - `reader`: typed values, and what is wrong with them,
//! - `files`: what its paths mean, and what is sent along,
//! - `code`: Python code of the user's,
//! - `data`, `model`, `grid`, `train`, `memory`, `search`: the sections,
//! - `mistake`: how a mistake is shown,
//! - [`schema`]: all of this as JSON schema.

mod source;

mod tree;

mod overrides;

mod reader;

mod files;

mod code;

mod data;

mod model;

mod grid;

mod train;

mod memory;

mod search;

mod extension;

mod nearest;

mod mistake;

pub mod schema;

use domain::spec::{MemorySpec, ModelSpec, SearchSpec, SpecIssue, SweepDraft, SweepSpec, TrainSpec};

pub use extension::extension;
use files::Files;
pub use files::{LocalFile, Paths, Readers};
pub use mistake::Mistake;
pub use nearest::nearest;
use reader::{Field, Reader, Section};
pub use source::{Place, SourceId, Sources};
use tree::Table;

/// A sweep file that passed every check.
#[derive(Debug, Clone)]
pub struct SpecFile {
    /// What it says.
    pub sweep: SweepSpec,
    /// Its text, as it stands in the file.
    pub text: String,
    /// The files that are sent along with it.
    pub uploads: Vec<LocalFile>,
}

/// What is wrong with a sweep file, and the texts it is shown in.
#[derive(Debug)]
pub struct Mistakes {
    /// At least one.
    pub all: Vec<Mistake>,
    /// The file and the `--set` arguments.
    pub sources: Sources,
}

/// Reads, overrides and checks a sweep file's text; `name` is what it is called in messages. The files that are sent along are
/// read, too.
///
/// # Errors
/// Every mistake found.
pub fn parse(name: &str, text: &str, overrides: &[String], paths: &Paths) -> Result<SpecFile, Box<Mistakes>> {
    let mut sources = Sources::new(name.to_owned(), text.to_owned());
    let read = tree::parse(SourceId::FILE, text).and_then(|mut document| {
        let mut mistakes = overrides::apply(&mut document, overrides, &mut sources);
        let mut files = Files::new(paths);
        match check(&document, &mut files) {
            Ok(sweep) if mistakes.is_empty() => {
                Ok(SpecFile { sweep, text: text.to_owned(), uploads: files.sent })
            }
            Ok(_) => Err(mistakes),
            Err(more) => {
                mistakes.extend(more);
                Err(mistakes)
            }
        }
    });
    read.map_err(|all| Box::new(Mistakes { all, sources }))
}

impl Mistakes {
    /// All of them as text, as rustc shows its own.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        mistake::render(&self.all, &self.sources, color)
    }
}

fn check(document: &Table, files: &mut Files<'_>) -> Result<SweepSpec, Vec<Mistake>> {
    let mut reader = Reader::default();
    let draft = draft(document, files, &mut reader);
    match SweepSpec::try_new(draft) {
        Ok(sweep) => {
            let mistakes = reader.into_mistakes();
            if mistakes.is_empty() { Ok(sweep) } else { Err(mistakes) }
        }
        Err(issues) => {
            let places = document.places();
            let place = |path: &str| {
                let parents =
                    std::iter::successors(Some(path), |path| path.rfind(['.', '[']).map(|end| &path[..end]));
                parents.into_iter().find_map(|path| places.get(path).cloned())
            };
            for SpecIssue { path, message, help } in issues {
                let path = reader.original_path(&path);
                if !reader.is_unread(&path) {
                    reader.add(Mistake { help, ..Mistake::new(message, place(&path)) });
                }
            }
            Err(reader.into_mistakes())
        }
    }
}

/// The document as a draft. What could not be read is filled in so that the checks of the rest can go on.
fn draft(document: &Table, files: &mut Files<'_>, reader: &mut Reader) -> SweepDraft {
    let mut root = Section::new("", None, document);
    let name = root.take("name").and_then(|field| reader.text(&field));
    let data = section(&mut root, "data", Some("[data]"), reader)
        .map_or_else(data::placeholder, |s| data::read(s, files, reader));
    let model = section(&mut root, "model", Some("[model]"), reader)
        .map_or(ModelSpec::Linear, |s| model::read(s, files, reader));
    let grid = section(&mut root, "grid", Some("[grid]"), reader)
        .map_or_else(grid::placeholder, |s| grid::read(s, reader));
    let train = section(&mut root, "train", Some("[train]"), reader).map_or_else(
        || TrainSpec { budget: Some(domain::spec::Budget::Epochs(1)), ..TrainSpec::default() },
        |s| train::read(s, reader),
    );
    let memory = section(&mut root, "memory", None, reader)
        .map_or_else(MemorySpec::default, |s| memory::read(s, reader));
    let search = section(&mut root, "search", None, reader)
        .map_or_else(SearchSpec::default, |s| search::read(s, reader));
    root.finish(reader, |key| {
        let home = [
            ("grid", &["batch_size", "learning_rate", "seed"][..]),
            ("train", &["epochs", "steps", "examples", "optimizer", "loss", "schedule", "precision"]),
            ("data", &["format", "path", "upload", "limit", "validation"]),
            ("model", &["kind", "hidden", "channels", "depth", "dropout", "norm"]),
            ("memory", &["budget", "micro_batch"]),
            ("search", &["goal", "extend", "seeds", "stop", "max_trials"]),
        ];
        home.iter()
            .find(|(_, keys)| keys.contains(&key))
            .map(|(section, _)| format!("`{key}` belongs in [{section}]"))
    });
    SweepDraft { name, data, model, grid, train, memory, search }
}

fn section<'a>(
    root: &mut Section<'a>,
    key: &'static str,
    required: Option<&'static str>,
    reader: &mut Reader,
) -> Option<Section<'a>> {
    let entry = root.entry(key);
    match (entry, required) {
        (Some(entry), _) => {
            reader.table(&Field { path: key.to_owned(), node: &entry.value }, &entry.key_place)
        }
        (None, Some(example)) => root.require(key, example).and(None),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests;
