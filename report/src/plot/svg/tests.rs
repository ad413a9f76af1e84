use super::*;
use crate::plot::chart::{Axis, Dash, Key, Layer, Mark, Ramp, Shape, Swatch};
use crate::plot::color::{Rgb, viridis};
use crate::plot::scale::Spacing;
use crate::plot::ticks::Unit;

/// One of everything.
fn chart() -> Chart {
    let cell = |x, y, ink, star| Layer::new(Shape::Cell { x, y, label: Some("0.31".to_owned()), star }, ink);
    Chart {
        id: "all".to_owned(),
        title: "A <chart> & its parts".to_owned(),
        description: "One of \"everything\".".to_owned(),
        x: Axis::new("batch size", Spacing::Log2, Unit::Count, (1.0, 64.0)).marked(vec![2.0, 8.0, 32.0]),
        y: Axis::new("learning rate", Spacing::Log10, Unit::Rate, (0.01, 1.0)),
        layers: vec![
            cell((1.0, 4.0), (0.01, 0.1), Ink::Fill(viridis(1.0)), Some(Ink::Alarm)),
            cell((4.0, 16.0), (0.01, 0.1), Ink::Fill(Rgb(0, 0, 0)), None),
            cell((16.0, 64.0), (0.01, 0.1), Ink::Hatched, None),
            Layer::new(Shape::Band(vec![(2.0, 0.2, 0.4), (32.0, 0.1, 0.5)]), Ink::Series(0)),
            Layer::strong_line(vec![(2.0, 0.3), (8.0, 0.0), (32.0, 0.3)], Ink::Series(0)).tip("a & b"),
            Layer::line(vec![(2.0, 0.2), (32.0, 0.8)], Dash::DashDot, Ink::Soft),
            Layer::new(
                Shape::Across { y: 0.7, dash: Dash::Dashed, label: Some("limit".to_owned()) },
                Ink::Alarm,
            ),
            Layer::new(Shape::Down { x: 24.0, dash: Dash::Dotted, label: None }, Ink::Kind(0)),
            Layer::new(
                Shape::Mark { at: (8.0, 0.3), mark: Mark::Disc, label: Some("here".to_owned()) },
                Ink::Series(1),
            ),
            Layer::mark((2.0, 0.5), Mark::Ring, Ink::Alarm),
            Layer::mark((4.0, 0.5), Mark::Cross, Ink::Text),
            Layer::mark((16.0, 0.5), Mark::Up, Ink::Unknown),
            Layer::mark((0.0, 0.5), Mark::Down, Ink::Faint),
        ],
        keys: vec![
            Key::new(Swatch::Line(Dash::Dashed), Ink::Alarm, "limit"),
            Key::new(Swatch::Mark(Mark::Star), Ink::Alarm, "best"),
            Key::new(Swatch::Block, Ink::Hatched, "diverged"),
        ],
        ramp: Some(Ramp {
            colors: vec![viridis(1.0), viridis(0.0)],
            low: "0.3".to_owned(),
            high: "2".to_owned(),
        }),
    }
}

/// One element a line, so that a reviewer sees what moved.
fn lines(svg: &str) -> String {
    svg.replace("><", ">\n<")
}

#[test]
fn a_drawing_in_a_page_takes_its_colours_from_there() {
    insta::assert_snapshot!(lines(&inline(&chart(), Size { width: 320.0, height: 240.0 }).into_string()));
}

#[test]
fn a_picture_is_the_same_with_its_colours_written_in() {
    let picture = file(&chart(), Size::WIDE, Theme::Dark, 2);
    assert!(picture.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    assert!(picture.contains(".series-1{color:#") && picture.contains("#1a1e22"));
    assert!(roxmltree::Document::parse(&picture).is_ok(), "it is XML");
}

#[test]
fn what_has_no_place_on_an_axis_is_left_out() {
    let drawn = inline(&chart(), Size::WIDE).into_string();
    // The mark at batch size 0; and the line goes on without its point at 0.
    assert_eq!(drawn.matches("class=\"faint\"").count(), 1);
    assert!(drawn.contains("<g class=\"faint\"></g>"));
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
}

#[test]
fn an_empty_chart_is_a_frame() {
    let empty = Chart { layers: Vec::new(), keys: Vec::new(), ramp: None, ..chart() };
    let drawn = inline(&empty, Size::NARROW).into_string();
    assert!(drawn.contains("learning rate") && !drawn.contains("hatch"));
}
