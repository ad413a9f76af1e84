//! What stands around the shapes: axes, grid, numbers.

use maud::{Markup, html};

use super::chart::{Axis, Chart};
use super::pen::px;
use super::scale::Scale;
use super::size::Size;
use super::text;
use super::ticks::{self, Tick};

/// The part of a drawing that the shapes take, in pixels, and the scales to it.
#[derive(Debug, Clone)]
pub struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    pub x: Scale,
    pub y: Scale,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
}

/// Size of the numbers at the axes, in pixels.
const NUMBERS: f64 = 11.0;

impl Frame {
    pub fn of(chart: &Chart, size: Size, key_height: f64) -> Self {
        // The vertical axis is named above it, in the direction of reading.
        let (top, bottom) = (26.0 + key_height, size.height - 40.0);
        let y = Scale::new(chart.y.spacing, chart.y.span, (bottom, top));
        let y_ticks = ticks_of(&chart.y, &y, 46.0, |_| NUMBERS);
        let widest = y_ticks.iter().map(|tick| text::width(&tick.label, NUMBERS)).fold(0.0, f64::max);
        let (left, right) = (widest + 14.0, size.width - 14.0);
        let x = Scale::new(chart.x.spacing, chart.x.span, (left, right));
        let x_ticks = ticks_of(&chart.x, &x, 62.0, |label| text::width(label, NUMBERS));
        Self { left, right, top, bottom, x, y, x_ticks, y_ticks }
    }
}

fn ticks_of(axis: &Axis, scale: &Scale, room: f64, length: impl Fn(&str) -> f64) -> Vec<Tick> {
    if axis.marks.is_empty() {
        return ticks::ticks(scale, (scale.length() / room) as usize, axis.unit, length);
    }
    ticks::ticks_at(scale, &axis.marks, axis.unit, length)
}

pub fn draw(chart: &Chart, frame: &Frame) -> Markup {
    let Frame { left, right, top, bottom, .. } = *frame;
    let x_ticks = frame.x_ticks.iter().filter_map(|tick| Some((frame.x.at(tick.value)?, tick)));
    let y_ticks = frame.y_ticks.iter().filter_map(|tick| Some((frame.y.at(tick.value)?, tick)));
    html! {
        g {
            @for (place, tick) in y_ticks {
                @if !tick.label.is_empty() {
                    line.grid x1=(px(left)) x2=(px(right)) y1=(px(place)) y2=(px(place)) {}
                    text x=(px(left - 7.0)) y=(px(place + 4.0)) text-anchor="end" { (tick.label) }
                } @else {
                    line.axis x1=(px(left - 3.0)) x2=(px(left)) y1=(px(place)) y2=(px(place)) {}
                }
            }
            @for (place, tick) in x_ticks {
                @let length = if tick.label.is_empty() { 3.0 } else { 5.0 };
                line.axis x1=(px(place)) x2=(px(place)) y1=(px(bottom)) y2=(px(bottom + length)) {}
                @if !tick.label.is_empty() {
                    text x=(px(place)) y=(px(bottom + 17.0)) text-anchor="middle" { (tick.label) }
                }
            }
            line.axis x1=(px(left)) x2=(px(right)) y1=(px(bottom)) y2=(px(bottom)) {}
            text.title x="0" y=(px(top - 10.0)) { (chart.y.label) }
            text.title x=(px(right)) y=(px(bottom + 35.0)) text-anchor="end" { (chart.x.label) }
        }
    }
}
