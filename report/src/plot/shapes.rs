//! The shapes of a chart, placed by its scales.

use maud::{Markup, html};

use super::chart::{Chart, Dash, Ink, Layer, Mark, Shape};
use super::frame::Frame;
use super::labels::{Place, Room};
use super::pen::{class, dash_class, px};
use super::text;

/// Radius of a mark, in pixels.
const RADIUS: f64 = 4.5;

/// All layers, then the labels of all, which keep out of each other's way.
pub fn draw(chart: &Chart, frame: &Frame, id: &str) -> Markup {
    let mut room = Room::new((frame.left, frame.top - 4.0, frame.right + 12.0, frame.bottom));
    for layer in &chart.layers {
        if let Shape::Mark { at, mark, .. } = &layer.shape
            && let Some(at) = place(frame, *at)
        {
            room.take(at, radius(*mark));
        }
    }
    let labels: Vec<Markup> =
        chart.layers.iter().filter_map(|layer| label(layer, frame, &mut room)).collect();
    html! {
        g clip-path={ "url(#" (id) "-clip)" } {
            @for layer in chart.layers.iter().filter(|layer| !matches!(layer.shape, Shape::Mark { .. })) {
                (tipped(layer, shape(layer, frame, id)))
            }
        }
        // Marks at the rim of the frame stay whole.
        @for layer in chart.layers.iter().filter(|layer| matches!(layer.shape, Shape::Mark { .. })) {
            (tipped(layer, shape(layer, frame, id)))
        }
        @for label in labels { (label) }
    }
}

fn tipped(layer: &Layer, shape: Markup) -> Markup {
    let class = class(layer.ink);
    if let Some(link) = &layer.link {
        // A grid of links is not to stand in a keyboard's way: what they lead to is in a table too.
        return html! {
            a class=(class) href=(link) tabindex="-1" { @if let Some(tip) = &layer.tip { title { (tip) } } (shape) }
        };
    }
    match (&layer.tip, class.is_empty()) {
        (Some(tip), _) => html! { g class=(class) { title { (tip) } (shape) } },
        (None, false) => html! { g class=(class) { (shape) } },
        (None, true) => shape,
    }
}

fn shape(layer: &Layer, frame: &Frame, id: &str) -> Markup {
    match &layer.shape {
        Shape::Line { points, dash, strong } => line(points, *dash, *strong, frame),
        Shape::Band(points) => band(points, frame),
        Shape::Mark { at, mark: form, .. } => match place(frame, *at) {
            Some(at) => mark(*form, at, radius(*form)),
            None => html! {},
        },
        Shape::Cell { x, y, .. } => match area(frame, *x, *y) {
            Some(area) => block(area, layer.ink, id),
            None => html! {},
        },
        Shape::Across { y, dash, .. } => match frame.y.at(*y) {
            Some(y) => stroke((frame.left, y), (frame.right, y), *dash),
            None => html! {},
        },
        Shape::Down { x, dash, .. } => match frame.x.at(*x) {
            Some(x) => stroke((x, frame.top), (x, frame.bottom), *dash),
            None => html! {},
        },
    }
}

fn stroke(from: (f64, f64), to: (f64, f64), dash: Dash) -> Markup {
    html! {
        line class={ "line " (dash_class(dash)) } x1=(px(from.0)) y1=(px(from.1)) x2=(px(to.0)) y2=(px(to.1)) {}
    }
}

fn line(points: &[(f64, f64)], dash: Dash, strong: bool, frame: &Frame) -> Markup {
    let places: Vec<(f64, f64)> = points.iter().filter_map(|&point| place(frame, point)).collect();
    if places.len() < 2 {
        return html! {};
    }
    let strength = if strong { "strong " } else { "" };
    html! { path class={ "line " (strength) (dash_class(dash)) } d=(path(places.into_iter())) {} }
}

fn band(points: &[(f64, f64, f64)], frame: &Frame) -> Markup {
    let at = |x, y| place(frame, (x, y));
    let ends: Vec<_> =
        points.iter().filter_map(|&(x, low, high)| Some((at(x, low)?, at(x, high)?))).collect();
    if ends.len() < 2 {
        return html! {};
    }
    let there = ends.iter().map(|(_, high)| *high);
    let back = ends.iter().rev().map(|(low, _)| *low);
    html! { path.band d={ (path(there.chain(back))) "Z" } {} }
}

/// `M x y L x y ...`, without the letters that may be left out.
fn path(places: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (index, (x, y)) in places.enumerate() {
        path.push_str(if index == 0 { "M" } else { " " });
        path.push_str(&px(x));
        path.push(' ');
        path.push_str(&px(y));
    }
    path
}

/// A rectangle of a drawing, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

/// A filled rectangle.
pub fn block(area: Area, ink: Ink, id: &str) -> Markup {
    let [x, y, width, height] = [area.left, area.top, area.width, area.height].map(px);
    match ink {
        Ink::Fill(color) => html! { rect x=(x) y=(y) width=(width) height=(height) fill=(color) {} },
        Ink::Hatched => html! {
            rect x=(x) y=(y) width=(width) height=(height) fill={ "url(#" (id) "-hatch)" } {}
            rect.hatch-edge x=(x) y=(y) width=(width) height=(height) {}
        },
        _ => html! { rect.cell x=(x) y=(y) width=(width) height=(height) {} },
    }
}

pub fn mark(mark: Mark, (x, y): (f64, f64), radius: f64) -> Markup {
    let corner = |share: f64, size: f64| {
        let angle = std::f64::consts::TAU * share;
        (x + size * angle.sin(), y - size * angle.cos())
    };
    let polygon = |corners: &[(f64, f64)]| {
        let corners: Vec<String> = corners.iter().map(|(x, y)| format!("{},{}", px(*x), px(*y))).collect();
        corners.join(" ")
    };
    let triangle =
        |turn: f64| polygon(&[0.0, 1.0 / 3.0, 2.0 / 3.0].map(|share| corner(share + turn, 1.25 * radius)));
    match mark {
        Mark::Disc => html! { circle.mark cx=(px(x)) cy=(px(y)) r=(px(radius)) {} },
        Mark::Ring => html! { circle.open cx=(px(x)) cy=(px(y)) r=(px(radius - 0.5)) {} },
        Mark::Cross => {
            let arm = 0.8 * radius;
            html! {
                (stroke((x - arm, y - arm), (x + arm, y + arm), Dash::Solid))
                (stroke((x - arm, y + arm), (x + arm, y - arm), Dash::Solid))
            }
        }
        Mark::Star => {
            let corners: Vec<_> = (0..10)
                .map(|index| {
                    corner(f64::from(index) / 10.0, if index % 2 == 0 { radius } else { 0.42 * radius })
                })
                .collect();
            html! { polygon.star points=(polygon(&corners)) {} }
        }
        Mark::Up => html! { polygon.mark points=(triangle(0.0)) {} },
        Mark::Down => html! { polygon.mark points=(triangle(0.5)) {} },
    }
}

fn radius(mark: Mark) -> f64 {
    if mark == Mark::Star { 8.5 } else { RADIUS }
}

fn place(frame: &Frame, (x, y): (f64, f64)) -> Option<(f64, f64)> {
    Some((frame.x.at(x)?, frame.y.at(y)?))
}

/// The place of a cell, with a hair's gap to its neighbours.
fn area(frame: &Frame, x: (f64, f64), y: (f64, f64)) -> Option<Area> {
    const GAP: f64 = 1.0;
    let (left, bottom) = place(frame, (x.0, y.0))?;
    let (right, top) = place(frame, (x.1, y.1))?;
    let gap = if bottom - top > 4.0 * GAP { GAP } else { 0.0 };
    Some(Area {
        left: left + GAP / 2.0,
        top: top + gap / 2.0,
        width: (right - left - GAP).max(0.5),
        height: (bottom - top - gap).max(0.0),
    })
}

fn label(layer: &Layer, frame: &Frame, room: &mut Room) -> Option<Markup> {
    match &layer.shape {
        Shape::Mark { at, label: Some(label), .. } => {
            Some(beside(label, room.beside(label, place(frame, *at)?)?))
        }
        Shape::Cell { x, y, label, star } => {
            Some(in_cell(label.as_deref(), *star, layer.ink, area(frame, *x, *y)?))
        }
        Shape::Across { y, label: Some(label), .. } => {
            let y = frame.y.at(*y)?;
            let right = Place { x: frame.right - 4.0, y: y - 5.0, anchor: "end" };
            let places = [
                right,
                Place { y: y + 13.0, ..right },
                Place { x: frame.left + 4.0, anchor: "start", ..right },
            ];
            let place = places.into_iter().find(|place| room.try_take(label, *place))?;
            Some(beside(label, place))
        }
        Shape::Down { x, label: Some(label), .. } => {
            let x = frame.x.at(*x)?;
            let right = Place { x: x + 5.0, y: frame.top + 9.0, anchor: "start" };
            let places = [
                right,
                Place { x: x - 5.0, anchor: "end", ..right },
                Place { y: frame.bottom - 6.0, ..right },
            ];
            let place = places.into_iter().find(|place| room.try_take(label, *place))?;
            Some(beside(label, place))
        }
        _ => None,
    }
}

fn beside(label: &str, place: Place) -> Markup {
    html! { text.beside x=(px(place.x)) y=(px(place.y)) text-anchor=(place.anchor) { (label) } }
}

/// A cell's star and label: one above the other, else side by side, else the star alone.
fn in_cell(label: Option<&str>, star: Option<Ink>, ink: Ink, area: Area) -> Markup {
    const STAR: f64 = 8.5;
    let Area { left, top, width, height } = area;
    let (x, y) = (left + width / 2.0, top + height / 2.0);
    let class = match ink {
        Ink::Fill(color) if !color.wants_black_text() => "on-dark",
        Ink::Fill(_) => "on-light",
        _ => "",
    };
    let length = label.map_or(0.0, |label| text::width(label, 11.0));
    let fits = |width_taken: f64, height_taken: f64| width >= width_taken && height >= height_taken;
    let (star_at, label_at) = match (star, label) {
        (Some(_), Some(_)) if fits(length + 4.0, 34.0) => (Some((x, y - 8.0)), Some((x, y + 13.0))),
        (Some(_), Some(_)) if fits(length + 2.0 * STAR + 8.0, 15.0) => {
            (Some((x - length / 2.0 - 3.0, y)), Some((x + STAR + 2.0, y + 4.0)))
        }
        (Some(_), _) => (Some((x, y)), None),
        (None, Some(_)) if fits(length + 4.0, 15.0) => (None, Some((x, y + 4.0))),
        _ => (None, None),
    };
    html! {
        @if let (Some(at), Some(ink)) = (star_at, star) {
            g class=(self::class(ink)) { (mark(Mark::Star, at, STAR)) }
        }
        @if let (Some((x, y)), Some(label)) = (label_at, label) {
            text class=(class) x=(px(x)) y=(px(y)) text-anchor="middle" { (label) }
        }
    }
}
