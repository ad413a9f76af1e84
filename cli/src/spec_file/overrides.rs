//! `--set KEY=VALUE`: a line of TOML laid over the sweep file.

use super::mistake::Mistake;
use super::source::{SourceId, Sources};
use super::tree::{self, Kind, Table};

/// Lays every argument over the file's document, and gives back a mistake for each that is not a line of TOML.
pub fn apply(document: &mut Table, arguments: &[String], sources: &mut Sources) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for argument in arguments {
        let line = quoted(argument);
        let source = sources.add("--set".to_owned(), line.clone());
        match tree::parse(source, &line) {
            Ok(over) => {
                drop_other_budgets(document, &over);
                document.overlay(over);
            }
            Err(errors) => mistakes.extend(errors.into_iter().map(|error| {
                error.help("write it as in the sweep file, such as --set grid.batch_size='[8, 16]'")
            })),
        }
    }
    mistakes
}

/// A shell takes quotes away: what is no value in TOML but a word, a path or a size is meant as a string, as in
/// `--set train.optimizer=adam`, `--set model.upload=nets/my.pt` or `--set memory.budget=64MiB`.
fn quoted(argument: &str) -> String {
    let is_plain = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+'))
    };
    match argument.split_once('=') {
        Some((key, value)) if is_plain(value.trim()) && tree::parse(SourceId::FILE, argument).is_err() => {
            format!("{key}=\"{}\"", value.trim())
        }
        _ => argument.to_owned(),
    }
}

/// `--set train.steps=10` means instead of the file's `epochs`, not besides it.
fn drop_other_budgets(document: &mut Table, over: &Table) {
    const BUDGETS: [&str; 3] = ["epochs", "steps", "examples"];
    let Some(Kind::Table(over)) = over.get("train").map(|entry| &entry.value.kind) else { return };
    if !BUDGETS.iter().any(|key| over.get(key).is_some()) {
        return;
    }
    let train = document.entries.iter_mut().find(|entry| entry.key == "train");
    if let Some(Kind::Table(train)) = train.map(|entry| &mut entry.value.kind) {
        BUDGETS.iter().for_each(|key| train.remove(key));
    }
}
