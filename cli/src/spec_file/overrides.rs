//! `--set KEY=VALUE`: a line of TOML laid over the sweep file.

use super::mistake::Mistake;
use super::source::Sources;
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

/// A shell takes quotes away: a bare word is meant as a string, as in `--set train.optimizer=adam`.
fn quoted(argument: &str) -> String {
    let is_word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            && !["true", "false", "inf", "nan"].contains(&text)
    };
    match argument.split_once('=') {
        Some((key, value)) if is_word(value.trim()) => format!("{key}=\"{}\"", value.trim()),
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
