//! A chart as SVG.

use maud::{Markup, PreEscaped, html};

use super::chart::{Chart, Ink};
use super::frame::Frame;
use super::pen::px;
use super::size::Size;
use super::theme::{self, Theme};
use super::{frame, key, shapes};

/// The chart as part of a page that has [`theme::page_css`].
#[must_use]
pub fn inline(chart: &Chart, size: Size) -> Markup {
    let id = format!("{}-{}", chart.id, size.name());
    let class = format!("plot {}", size.name());
    // A picture has no parts, and so no links.
    let role = if chart.layers.iter().any(|layer| layer.link.is_some()) { "group" } else { "img" };
    html! {
        svg class=(class) viewBox=(view_box(size)) role=(role) aria-labelledby={ (id) "-title " (id) "-desc" } {
            (body(chart, size, &id))
        }
    }
}

/// The chart as a file of its own, its colours written in; `series` is how many members its series have.
#[must_use]
pub fn file(chart: &Chart, size: Size, theme: Theme, series: usize) -> String {
    const MARGIN: f64 = 12.0;
    let (width, height) = (px(size.width + 2.0 * MARGIN), px(size.height + 2.0 * MARGIN));
    let corner = px(-MARGIN);
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img"
            width=(width) height=(height) viewBox={ (corner) " " (corner) " " (width) " " (height) }
            aria-labelledby={ (chart.id) "-title " (chart.id) "-desc" } {
            // Ours alone, and without a character that would need escaping.
            style { (PreEscaped(theme::picture_css(theme, series))) }
            rect.paper x=(corner) y=(corner) width=(width) height=(height) {}
            (body(chart, size, &chart.id))
        }
    };
    markup.into_string()
}

fn body(chart: &Chart, size: Size, id: &str) -> Markup {
    let keys = key::lay_out(chart, size.width);
    let frame = Frame::of(chart, size, keys.height);
    html! {
        title id={ (id) "-title" } { (chart.title) }
        desc id={ (id) "-desc" } { (chart.description) }
        defs {
            clipPath id={ (id) "-clip" } {
                rect x=(px(frame.left)) y=(px(frame.top - 1.0))
                    width=(px(frame.right - frame.left)) height=(px(frame.bottom - frame.top + 2.0)) {}
            }
            @if uses_hatching(chart) {
                pattern id={ (id) "-hatch" } width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect.hatch width="6" height="6" {}
                    line.stripe x1="0" y1="0" x2="0" y2="6" {}
                }
            }
        }
        (frame::draw(chart, &frame))
        (key::draw(&keys, id))
        (shapes::draw(chart, &frame, id))
    }
}

fn uses_hatching(chart: &Chart) -> bool {
    let layers = chart.layers.iter().map(|layer| layer.ink);
    layers.chain(chart.keys.iter().map(|key| key.ink)).any(|ink| ink == Ink::Hatched)
}

fn view_box(size: Size) -> String {
    format!("0 0 {} {}", px(size.width), px(size.height))
}

#[cfg(test)]
mod tests;
