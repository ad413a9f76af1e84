//! What is drawn, as plain data: axes, layers from back to front, and the key to them. Who draws it knows the size.

use super::color::Rgb;
use super::scale::Spacing;
use super::ticks::Unit;

/// A drawing with two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it is called within its page; letters, digits and dashes, for the ids of its parts.
    pub id: String,
    /// What it shows, in a few words; read aloud in its place.
    pub title: String,
    /// What it shows, in sentences; read aloud in its place.
    pub description: String,
    /// The axis along the bottom.
    pub x: Axis,
    /// The axis along the left side.
    pub y: Axis,
    /// From back to front.
    pub layers: Vec<Layer>,
    /// The key to the inks, in reading order.
    pub keys: Vec<Key>,
    /// The key to the fills by value.
    pub ramp: Option<Ramp>,
}

/// What a direction of the drawing measures, and from where to where.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What its numbers are, with the unit.
    pub label: String,
    /// How it is divided.
    pub spacing: Spacing,
    /// What its numbers are.
    pub unit: Unit,
    /// The values it covers.
    pub span: (f64, f64),
    /// Where it is marked; empty for round numbers.
    pub marks: Vec<f64>,
}

/// One thing drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Its form and place, in the units of the axes.
    pub shape: Shape,
    /// The colour by its meaning.
    pub ink: Ink,
    /// What a pointer that rests on it is told.
    pub tip: Option<String>,
    /// Where a click on it leads.
    pub link: Option<String>,
}

/// Form and place, in the units of the axes. What has no place on an axis (0 on a logarithmic one) is left out.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Points in order, joined.
    Line {
        /// In the order in which they are joined.
        points: Vec<(f64, f64)>,
        /// How the stroke is broken.
        dash: Dash,
        /// Whether it is the thing to look at.
        strong: bool,
    },
    /// The area between two curves: places, lower ends, upper ends.
    Band(Vec<(f64, f64, f64)>),
    /// One mark.
    Mark {
        /// The middle, in the units of the axes.
        at: (f64, f64),
        /// Tells kinds of points apart without colour.
        mark: Mark,
        /// Written beside it where there is room.
        label: Option<String>,
    },
    /// A filled rectangle.
    Cell {
        /// Left and right end.
        x: (f64, f64),
        /// Lower and upper end.
        y: (f64, f64),
        /// Written in it where there is room.
        label: Option<String>,
        /// A star in it, of this colour.
        star: Option<Ink>,
    },
    /// A line across the whole drawing, at this height.
    Across {
        /// A value of the vertical axis.
        y: f64,
        /// How the stroke is broken.
        dash: Dash,
        /// Written on it.
        label: Option<String>,
    },
    /// A line from top to bottom, at this place.
    Down {
        /// A value of the horizontal axis.
        x: f64,
        /// How the stroke is broken.
        dash: Dash,
        /// Written on it.
        label: Option<String>,
    },
}

/// How a stroke is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    Solid,
    /// Long strokes.
    Dashed,
    /// Long and short strokes in turn.
    DashDot,
    /// Dots, close together.
    Dotted,
}

/// The form of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A filled circle.
    Disc,
    /// The outline of a circle.
    Ring,
    /// Two diagonal strokes.
    Cross,
    /// A star with five points.
    Star,
    /// A triangle that points up.
    Up,
    /// A triangle that points down.
    Down,
}

/// A colour by its meaning; the page's theme knows what it looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ink {
    /// The colour of text.
    Text,
    /// That of less important text and reference lines.
    Soft,
    /// Barely there.
    Faint,
    /// Look here: something is wrong.
    Alarm,
    /// One of a family in order, such as batch sizes; from 0.
    Series(usize),
    /// One of a few kinds; from 0.
    Kind(usize),
    /// A value of a ramp.
    Fill(Rgb),
    /// Nothing was measured: grey.
    Unknown,
    /// Diverged: hatched.
    Hatched,
}

/// An entry of the key.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// What it looks like.
    pub swatch: Swatch,
    /// The colour by its meaning.
    pub ink: Ink,
    /// What it means.
    pub label: String,
}

/// What an entry of the key looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swatch {
    /// A short stroke, as lines of this kind are drawn.
    Line(Dash),
    /// One mark, as points of this kind are drawn.
    Mark(Mark),
    /// A filled square.
    Block,
}

/// The key to fills by value: from the colour of the lowest to that of the highest.
#[derive(Debug, Clone, PartialEq)]
pub struct Ramp {
    /// Colours from low to high, evenly apart.
    pub colors: Vec<Rgb>,
    /// Written at the low end.
    pub low: String,
    /// Written at the high end.
    pub high: String,
}

impl Axis {
    /// An axis without given marks.
    #[must_use]
    pub fn new(label: &str, spacing: Spacing, unit: Unit, span: (f64, f64)) -> Self {
        Self { label: label.to_owned(), spacing, unit, span, marks: Vec::new() }
    }

    /// The same with marks at these values only.
    #[must_use]
    pub fn marked(self, marks: Vec<f64>) -> Self {
        Self { marks, ..self }
    }
}

impl Layer {
    /// A layer without a tip.
    #[must_use]
    pub fn new(shape: Shape, ink: Ink) -> Self {
        Self { shape, ink, tip: None, link: None }
    }

    /// The same with a tip.
    #[must_use]
    pub fn tip(self, tip: impl Into<String>) -> Self {
        Self { tip: Some(tip.into()), ..self }
    }

    /// The same leading somewhere.
    #[must_use]
    pub fn link(self, link: Option<String>) -> Self {
        Self { link, ..self }
    }

    /// A joined line.
    #[must_use]
    pub fn line(points: Vec<(f64, f64)>, dash: Dash, ink: Ink) -> Self {
        Self::new(Shape::Line { points, dash, strong: false }, ink)
    }

    /// A joined line to look at.
    #[must_use]
    pub fn strong_line(points: Vec<(f64, f64)>, ink: Ink) -> Self {
        Self::new(Shape::Line { points, dash: Dash::Solid, strong: true }, ink)
    }

    /// A mark without a label.
    #[must_use]
    pub fn mark(at: (f64, f64), mark: Mark, ink: Ink) -> Self {
        Self::new(Shape::Mark { at, mark, label: None }, ink)
    }
}

impl Key {
    /// An entry.
    #[must_use]
    pub fn new(swatch: Swatch, ink: Ink, label: impl Into<String>) -> Self {
        Self { swatch, ink, label: label.into() }
    }
}
