//! A TOML document as a tree whose every key and value knows its place; documents can be laid over each other, as
//! `--set` does.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;
use super::source::{Place, SourceId};

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// The value with its type.
    pub kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A string of any of TOML's four forms, unescaped.
    Text(String),
    /// A whole number; `None` past 64 bits.
    Integer(Option<i64>),
    /// A number with a fraction or an exponent.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A date, a time or both.
    Datetime,
    /// Items of any type, also of several.
    List(Vec<Node>),
    /// A table, inline or under a header.
    Table(Table),
}

/// Keys and values in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// No key twice.
    pub entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Without quotes.
    pub key: String,
    /// Where the key stands.
    pub key_place: Place,
    /// The value after the `=`, or the table under the header.
    pub value: Node,
}

/// Parses a document.
///
/// # Errors
/// Every syntax error that the parser can tell apart.
pub fn parse(source: SourceId, text: &str) -> Result<Table, Vec<Mistake>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(self::table(source, table.get_ref()));
    }
    // Errors on the same and the next line are mostly echoes of the first.
    let mut mistakes = Vec::new();
    let mut last_line = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let line = text.as_bytes().iter().take(span.start).filter(|&&byte| byte == b'\n').count();
        if last_line.is_none_or(|last| line > last + 1) {
            mistakes.push(Mistake::new(error.message(), Some(Place { source, span })));
        }
        last_line = Some(line);
    }
    Err(mistakes)
}

impl Table {
    /// The entry of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|entry| entry.key != key);
    }

    /// Lays another table over this one: tables merge, everything else is replaced.
    pub fn overlay(&mut self, over: Self) {
        for entry in over.entries {
            match self.entries.iter_mut().find(|old| old.key == entry.key) {
                None => self.entries.push(entry),
                Some(old) => match (&mut old.value.kind, entry.value.kind) {
                    (Kind::Table(under), Kind::Table(over)) if !under.is_axis() => under.overlay(over),
                    (kind, over) => {
                        *kind = over;
                        old.value.place = entry.value.place;
                        old.key_place = entry.key_place;
                    }
                },
            }
        }
    }

    /// `{ from = .. }` and `{ base = .. }` stand for one value: half of one over half of another would be neither.
    fn is_axis(&self) -> bool {
        self.get("from").is_some() || self.get("base").is_some()
    }

    /// The place of every value by its path, such as `grid.batch_size[1]`; of a table, the place of its key.
    #[must_use]
    pub fn places(&self) -> HashMap<String, Place> {
        let mut places = HashMap::new();
        self.collect_places("", &mut places);
        places
    }

    fn collect_places(&self, prefix: &str, places: &mut HashMap<String, Place>) {
        for entry in &self.entries {
            let path = if prefix.is_empty() { entry.key.clone() } else { format!("{prefix}.{}", entry.key) };
            match &entry.value.kind {
                Kind::Table(table) => {
                    table.collect_places(&path, places);
                    places.insert(path, entry.key_place.clone());
                }
                kind => {
                    if let Kind::List(items) = kind {
                        let items = items.iter().enumerate();
                        places.extend(
                            items.map(|(index, item)| (format!("{path}[{index}]"), item.place.clone())),
                        );
                    }
                    places.insert(path, entry.value.place.clone());
                }
            }
        }
    }
}

impl Kind {
    /// What it is, in words that follow "not".
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a whole number",
            Self::Number(_) => "a number with a fraction or an exponent",
            Self::Flag(_) => "true or false",
            Self::Datetime => "a date or time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

fn table(source: SourceId, table: &DeTable<'_>) -> Table {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_place: Place { source, span: key.span() },
            value: node(source, value),
        })
        .collect();
    // The parser sorts by name; the order of the file is the order of the axes.
    entries.sort_by_key(|entry| entry.key_place.span.start);
    Table { entries }
}

fn node(source: SourceId, value: &Spanned<DeValue<'_>>) -> Node {
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::Text(text.to_string()),
        DeValue::Integer(integer) => {
            Kind::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok())
        }
        DeValue::Float(float) => Kind::Number(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Kind::Flag(*flag),
        DeValue::Datetime(_) => Kind::Datetime,
        DeValue::Array(items) => Kind::List(items.iter().map(|item| node(source, item)).collect()),
        DeValue::Table(inner) => Kind::Table(table(source, inner)),
    };
    Node { place: Place { source, span: value.span() }, kind }
}
