//! The key: what each ink means, in rows above the drawing.

use maud::{Markup, html};

use super::chart::{Chart, Key, Mark, Ramp, Swatch};
use super::pen::{class, dash_class, px};
use super::shapes::{self, Area};
use super::text;

const ROW: f64 = 19.0;
const SWATCH: f64 = 18.0;
const GAP: f64 = 6.0;
const BETWEEN: f64 = 16.0;
const FONT: f64 = 11.0;
const RAMP: f64 = 110.0;

/// The key with the place of each entry.
pub struct LaidOut<'a> {
    entries: Vec<(f64, f64, Entry<'a>)>,
    /// Height of all rows, in pixels.
    pub height: f64,
}

enum Entry<'a> {
    Ramp(&'a Ramp),
    Key(&'a Key),
}

/// Entries from left to right, in as many rows as the width takes.
pub fn lay_out(chart: &Chart, width: f64) -> LaidOut<'_> {
    let ramp = chart.ramp.iter().map(|ramp| {
        let texts = text::width(&ramp.low, FONT) + text::width(&ramp.high, FONT);
        (texts + RAMP + 2.0 * GAP, Entry::Ramp(ramp))
    });
    let keys = chart.keys.iter().map(|key| (SWATCH + GAP + text::width(&key.label, FONT), Entry::Key(key)));
    let (mut x, mut row, mut entries) = (0.0, 0.0, Vec::new());
    for (length, entry) in ramp.chain(keys) {
        if x > 0.0 && x + length > width {
            (x, row) = (0.0, row + 1.0);
        }
        entries.push((x, row * ROW, entry));
        x += length + BETWEEN;
    }
    let height = if entries.is_empty() { 0.0 } else { (row + 1.0) * ROW + 4.0 };
    LaidOut { entries, height }
}

pub fn draw(keys: &LaidOut<'_>, id: &str) -> Markup {
    html! {
        @for (x, y, entry) in &keys.entries {
            @match entry {
                Entry::Ramp(ramp) => (draw_ramp(ramp, *x, *y)),
                Entry::Key(key) => {
                    (swatch(key, *x, y + ROW / 2.0, id))
                    text x=(px(x + SWATCH + GAP)) y=(px(y + ROW / 2.0 + 4.0)) { (key.label) }
                },
            }
        }
    }
}

fn draw_ramp(ramp: &Ramp, x: f64, y: f64) -> Markup {
    let start = x + text::width(&ramp.low, FONT) + GAP;
    let step = RAMP / ramp.colors.len().max(1) as f64;
    html! {
        text x=(px(x)) y=(px(y + ROW / 2.0 + 4.0)) { (ramp.low) }
        @for (index, color) in ramp.colors.iter().enumerate() {
            // A little wider than its share, so that no gap shows between two.
            rect x=(px(start + index as f64 * step)) y=(px(y + 4.0)) width=(px(step + 0.4)) height="11" fill=(color) {}
        }
        text x=(px(start + RAMP + GAP)) y=(px(y + ROW / 2.0 + 4.0)) { (ramp.high) }
    }
}

fn swatch(key: &Key, x: f64, y: f64, id: &str) -> Markup {
    let block = Area { left: x + 3.0, top: y - 6.0, width: 12.0, height: 12.0 };
    html! {
        g class=(class(key.ink)) {
            @match key.swatch {
                Swatch::Line(dash) => {
                    line class={ "line strong " (dash_class(dash)) } x1=(px(x)) x2=(px(x + SWATCH)) y1=(px(y)) y2=(px(y)) {}
                },
                Swatch::Mark(mark) => (shapes::mark(mark, (x + SWATCH / 2.0, y), if mark == Mark::Star { 7.0 } else { 4.5 })),
                Swatch::Block => (shapes::block(block, key.ink, id)),
            }
        }
    }
}
