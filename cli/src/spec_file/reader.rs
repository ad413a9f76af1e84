//! Reads typed values out of a TOML tree and goes on after a mistake, so that all are told at once.

use std::collections::HashMap;

use domain::spec::Value;

use super::mistake::Mistake;
use super::nearest::{listed, nearest};
use super::source::Place;
use super::tree::{Entry, Kind, Node, Table};

/// What was wrong so far.
#[derive(Debug, Default)]
pub struct Reader {
    mistakes: Vec<Mistake>,
    /// The paths at which a value could not be read.
    unread: Vec<String>,
    /// Of lists that lost items to mistakes: the original place of each item that is left.
    kept: HashMap<String, Vec<usize>>,
}

/// A value and its path, such as `grid.batch_size[1]`.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    /// Such as `grid.batch_size[1]`.
    pub path: String,
    /// The value at that path, with its place in the file.
    pub node: &'a Node,
}

/// A table that is being read key by key. The keys asked for are the keys there are: [`Section::finish`] tells every
/// other one.
#[derive(Debug)]
pub struct Section<'a> {
    path: String,
    place: Option<Place>,
    table: &'a Table,
    known: Vec<&'static str>,
    open: bool,
    missing: Vec<(&'static str, &'static str)>,
}

impl Reader {
    /// Notes a mistake.
    pub fn add(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// Notes that the value at a path could not be read, so that nothing else complains about it.
    pub fn refuse(&mut self, path: &str, mistake: Mistake) {
        self.unread.push(path.to_owned());
        self.mistakes.push(mistake);
    }

    /// All mistakes noted.
    #[must_use]
    pub fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }

    /// Whether the value at a path, one above it or one below it could not be read.
    #[must_use]
    pub fn is_unread(&self, path: &str) -> bool {
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        // A whole section is not in doubt because one of its keys is.
        let is_section = !path.contains('.');
        self.unread.iter().any(|unread| within(path, unread) || (!is_section && within(unread, path)))
    }

    /// A path as the domain counts it, as the file counts it: items lost to mistakes count again.
    #[must_use]
    pub fn original_path(&self, path: &str) -> String {
        let original = || {
            let (list, rest) = path.split_once('[')?;
            let (index, rest) = rest.split_once(']')?;
            let index = self.kept.get(list)?.get(index.parse::<usize>().ok()?)?;
            Some(format!("{list}[{index}]{rest}"))
        };
        original().unwrap_or_else(|| path.to_owned())
    }

    /// A string.
    pub fn text(&mut self, field: &Field<'_>) -> Option<String> {
        match &field.node.kind {
            Kind::Text(text) => Some(text.clone()),
            _ => self.wrong_type(field, "a string", None),
        }
    }

    /// A whole number of at least 0.
    pub fn whole(&mut self, field: &Field<'_>) -> Option<u64> {
        const WANTED: &str = "a whole number";
        match &field.node.kind {
            Kind::Integer(Some(number)) => match u64::try_from(*number) {
                Ok(number) => Some(number),
                Err(_) => {
                    self.refused(field, format!("`{}` must be at least 0, not {number}", field.path), None)
                }
            },
            Kind::Integer(None) => self.refused(field, format!("`{}` is over 2^63 - 1", field.path), None),
            Kind::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                self.wrong_type(field, WANTED, Some(format!("write {number:.0}")))
            }
            Kind::Text(text) if text.parse::<u64>().is_ok() => {
                self.wrong_type(field, WANTED, Some(unquote(text)))
            }
            _ => self.wrong_type(field, WANTED, None),
        }
    }

    /// A number.
    pub fn number(&mut self, field: &Field<'_>) -> Option<f64> {
        match &field.node.kind {
            Kind::Integer(Some(number)) => Some(*number as f64),
            Kind::Number(number) => Some(*number),
            Kind::Text(text) if text.parse::<f64>().is_ok() => {
                self.wrong_type(field, "a number", Some(unquote(text)))
            }
            _ => self.wrong_type(field, "a number", None),
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, field: &Field<'_>) -> Option<bool> {
        match &field.node.kind {
            Kind::Flag(flag) => Some(*flag),
            Kind::Text(text) if matches!(text.as_str(), "true" | "false") => {
                self.wrong_type(field, "true or false", Some(unquote(text)))
            }
            _ => self.wrong_type(field, "true or false", None),
        }
    }

    /// One of some words.
    pub fn word<T: Copy>(&mut self, field: &Field<'_>, all: &[(&'static str, T)]) -> Option<T> {
        let words = || all.iter().map(|&(word, _)| word);
        let Kind::Text(text) = &field.node.kind else {
            return self.wrong_type(field, "a string", Some(format!("one of {}", listed(words()))));
        };
        if let Some((_, value)) = all.iter().find(|(word, _)| word == text) {
            return Some(*value);
        }
        let title = format!("unknown word {text:?} for `{}`", field.path);
        self.refused(field, title, Some(suggestion(text, words(), "words")))
    }

    /// A list, each item read by `item`; items that cannot be read are left out.
    pub fn list<T>(
        &mut self,
        field: &Field<'_>,
        example: &str,
        mut item: impl FnMut(&mut Self, &Field<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Kind::List(nodes) = &field.node.kind else {
            let help = match field.node.kind {
                Kind::Integer(_) | Kind::Number(_) => "a single value is a list of one, in [ ]".to_owned(),
                _ => format!("such as {example}"),
            };
            return self.wrong_type(field, "a list", Some(help));
        };
        let mut kept = Vec::new();
        let mut items = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let read = item(self, &Field { path: format!("{}[{index}]", field.path), node });
            if let Some(read) = read {
                kept.push(index);
                items.push(read);
            }
        }
        if kept.len() < nodes.len() {
            self.kept.insert(field.path.clone(), kept);
        }
        Some(items)
    }

    /// A scalar, whatever its type.
    pub fn scalar(&mut self, field: &Field<'_>) -> Option<Value> {
        match &field.node.kind {
            Kind::Text(text) => Some(Value::Word(text.clone())),
            Kind::Integer(Some(number)) => Some(Value::Integer(*number)),
            Kind::Integer(None) => self.refused(field, format!("`{}` is over 2^63 - 1", field.path), None),
            Kind::Number(number) => Some(Value::Number(*number)),
            Kind::Flag(flag) => Some(Value::Flag(*flag)),
            Kind::Datetime | Kind::List(_) | Kind::Table(_) => {
                self.wrong_type(field, "a number, a string, true or false", None)
            }
        }
    }

    /// A table.
    pub fn table<'a>(&mut self, field: &Field<'a>, place: &Place) -> Option<Section<'a>> {
        match &field.node.kind {
            Kind::Table(table) => Some(Section::new(&field.path, Some(place.clone()), table)),
            _ => self.wrong_type(field, "a table", Some(format!("start it with [{}]", field.path))),
        }
    }

    /// Notes that a value is of the wrong type.
    pub fn wrong_type<T>(&mut self, field: &Field<'_>, wanted: &str, help: Option<String>) -> Option<T> {
        let found = field.node.kind.describe();
        self.refused(field, format!("`{}` must be {wanted}, not {found}", field.path), help)
    }

    /// Notes that a value is wrong.
    pub fn refused<T>(&mut self, field: &Field<'_>, title: String, help: Option<String>) -> Option<T> {
        let mistake = Mistake { help, ..Mistake::new(title, Some(field.node.place.clone())) };
        self.refuse(&field.path, mistake);
        None
    }
}

impl<'a> Section<'a> {
    /// A table at a path; `""` for the document.
    #[must_use]
    pub fn new(path: &str, place: Option<Place>, table: &'a Table) -> Self {
        Self { path: path.to_owned(), place, table, known: Vec::new(), open: false, missing: Vec::new() }
    }

    /// The value of a key that may be there.
    pub fn take(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.entry(key).map(|entry| Field { path: self.path_of(key), node: &entry.value })
    }

    /// The value of a key that must be there; `example` shows how it is written.
    pub fn require(&mut self, key: &'static str, example: &'static str) -> Option<Field<'a>> {
        let field = self.take(key);
        if field.is_none() {
            self.missing.push((key, example));
        }
        field
    }

    /// The entry of a key that may be there.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// Takes any key: which belong here depends on one that could not be read.
    pub fn allow_all(&mut self) {
        self.open = true;
    }

    /// Whether a key is there, without asking for it.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// The keys that nobody asked for.
    pub fn rest(&self) -> impl Iterator<Item = &'a Entry> {
        self.table.entries.iter().filter(|entry| !self.open && !self.known.contains(&entry.key.as_str()))
    }

    /// Tells every key that nobody asked for, and every one that is missing; `explain` may know better than the
    /// spelling why a key is not known here.
    pub fn finish(self, reader: &mut Reader, explain: impl Fn(&str) -> Option<String>) {
        let title =
            if self.path.is_empty() { "the sweep file".to_owned() } else { format!("[{}]", self.path) };
        let mut missing = self.missing.clone();
        for entry in self.rest() {
            let help = explain(&entry.key).unwrap_or_else(|| {
                let known = self.known.iter().copied();
                // The misspelt key and the one that is missing are the same mistake.
                if let Some(meant) = nearest(&entry.key, known.clone()) {
                    missing.retain(|&(key, _)| key != meant);
                    reader.unread.push(self.path_of(meant));
                }
                suggestion(&entry.key, known, "keys")
            });
            let mistake = Mistake::new(
                format!("unknown key `{}` in {title}", entry.key),
                Some(entry.key_place.clone()),
            );
            reader.add(mistake.help(help));
        }
        for (key, example) in missing {
            let what = if self.path.is_empty() {
                format!("[{key}] is missing")
            } else {
                format!("`{key}` is missing in {title}")
            };
            let mistake = Mistake::new(what, self.place.clone()).help(format!("add `{example}`"));
            reader.refuse(&self.path_of(key), mistake);
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// `did you mean ..?` where a word is near, else all of them.
#[must_use]
pub fn suggestion<'a>(word: &str, all: impl Iterator<Item = &'a str> + Clone, what: &str) -> String {
    match nearest(word, all.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known {what}: {}", listed(all)),
    }
}

fn unquote(text: &str) -> String {
    format!("write {text} without quotes")
}
