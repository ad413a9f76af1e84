//! Plots as SVG: plain data in, a string out. The same functions serve the report's page, pictures for papers and any
//! other page.
//!
//! In reading order:
//! - [`chart`]: what is drawn, as data,
//! - [`scale`] and [`ticks`]: where a value lies, and where an axis is marked,
//! - [`color`] and [`theme`]: what an ink looks like,
//! - [`svg`]: the drawing, from its frame (`frame`) and its key (`key`) to its shapes (`shapes`), by `pen`.

pub mod chart;

pub mod scale;

pub mod ticks;

pub mod color;

pub mod theme;

pub mod svg;

mod frame;

mod key;

mod labels;

mod pen;

mod shapes;

mod size;

mod text;

pub use chart::{Axis, Chart, Dash, Ink, Key, Layer, Mark, Ramp, Shape, Swatch};
pub use scale::Spacing;
pub use size::Size;
pub use ticks::Unit;
