//! The texts that a sweep comes from, and places in them.

use std::ops::Range;

/// The sweep file first, then each `--set` argument.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<Source>);

/// A text and what to call it.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file's path as typed, or `--set`.
    pub name: String,
    /// As typed, whole: excerpts are cut from it.
    pub text: String,
}

/// Which source, by its place in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceId(usize);

impl SourceId {
    /// The sweep file itself.
    pub const FILE: Self = Self(0);
}

/// Some bytes of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which source.
    pub source: SourceId,
    /// Which bytes of it.
    pub span: Range<usize>,
}

impl Sources {
    /// The sweep file alone.
    #[must_use]
    pub fn new(name: String, text: String) -> Self {
        Self(vec![Source { name, text }])
    }

    /// Adds a source.
    pub fn add(&mut self, name: String, text: String) -> SourceId {
        self.0.push(Source { name, text });
        SourceId(self.0.len() - 1)
    }

    /// The source of an id that [`Sources::add`] gave.
    #[must_use]
    pub fn get(&self, id: SourceId) -> &Source {
        &self.0[id.0]
    }

    /// The bytes of a place, within the text and on character boundaries whatever a parser said.
    #[must_use]
    pub fn clamp(&self, place: &Place) -> Range<usize> {
        let text = &self.get(place.source).text;
        let start = text.floor_char_boundary(place.span.start.min(text.len()));
        let end = text.ceil_char_boundary(place.span.end.clamp(start, text.len()));
        start..end
    }
}
