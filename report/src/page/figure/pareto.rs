//! Time to the target against examples to the target: what a faster answer costs.

use super::steps_to_target::{rows, target_table, target_words};
use super::{Absent, Figure, View};
use crate::page::scope::Scope;
use crate::plot::{Axis, Chart, Dash, Ink, Key, Layer, Mark, Shape, Spacing, Swatch, Unit};

const TITLE: &str = "Time against examples to the target";

/// The figure.
///
/// # Errors
/// Without a target, and where no trial met it.
pub fn figure(scope: &Scope<'_>) -> Result<Figure, Absent> {
    let (target, rows) = rows(scope, TITLE)?;
    let points: Vec<Point> = rows
        .iter()
        .filter_map(|row| {
            Some(Point {
                batch_size: row.batch_size,
                examples: row.examples.median()?,
                seconds: row.seconds.median()?,
            })
        })
        .collect();
    Ok(Figure {
        id: scope.id("time-against-examples"),
        title: TITLE.to_owned(),
        caption: format!(
            "Training time and training examples until {}, each batch size at the learning rate with the fewest steps. Full points \
             are the front: no other batch size is both faster and cheaper.",
            target_words(target)
        ),
        views: View::only(chart(scope, &points)),
        table: target_table(rows),
        sql: scope.sql(include_str!("../sql/target.sql")),
    })
}

/// What a batch size needs.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    batch_size: u64,
    examples: f64,
    seconds: f64,
}

/// The points that no other beats in both, fewest examples first.
fn front(points: &[Point]) -> Vec<Point> {
    let beaten = |point: &Point| {
        points.iter().any(|other| {
            let no_worse = other.examples <= point.examples && other.seconds <= point.seconds;
            no_worse && (other.examples < point.examples || other.seconds < point.seconds)
        })
    };
    let mut front: Vec<Point> = points.iter().filter(|point| !beaten(point)).copied().collect();
    front.sort_by(|left, right| left.examples.total_cmp(&right.examples));
    front
}

fn chart(scope: &Scope<'_>, points: &[Point]) -> Chart {
    let front = front(points);
    let line = front.iter().map(|point| (point.examples, point.seconds)).collect();
    let mut layers = vec![Layer::strong_line(line, Ink::Faint)];
    for point in points {
        let mark = if front.contains(point) { Mark::Disc } else { Mark::Ring };
        let at = (point.examples, point.seconds);
        let tip = format!(
            "batch size {}: {} examples in {}",
            point.batch_size,
            Unit::Count.long(point.examples),
            Unit::Seconds.long(point.seconds)
        );
        let label = Some(point.batch_size.to_string());
        layers.push(Layer::new(Shape::Mark { at, mark, label }, scope.ink(point.batch_size)).tip(tip));
    }
    let mut keys = vec![
        Key::new(Swatch::Line(Dash::Solid), Ink::Faint, "front"),
        Key::new(Swatch::Mark(Mark::Disc), Ink::Soft, "batch size on it"),
    ];
    if front.len() < points.len() {
        keys.push(Key::new(Swatch::Mark(Mark::Ring), Ink::Soft, "slower and dearer than another"));
    }
    let log = Spacing::Log10;
    Chart {
        id: scope.id("time-against-examples"),
        title: TITLE.to_owned(),
        description: "One point for each batch size; the numbers are in the table below the plot.".to_owned(),
        x: Axis::new(
            "training examples",
            log,
            Unit::Count,
            log.span(points.iter().map(|point| point.examples), 0.1),
        ),
        y: Axis::new(
            "training time",
            log,
            Unit::Seconds,
            log.span(points.iter().map(|point| point.seconds), 0.1),
        ),
        layers,
        keys,
        ramp: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_what_no_other_beats() {
        let point = |batch_size, examples, seconds| Point { batch_size, examples, seconds };
        let points = [
            point(8, 1000.0, 50.0),
            point(32, 1200.0, 20.0),
            point(128, 1300.0, 30.0),
            point(512, 4000.0, 10.0),
            point(1024, 4000.0, 11.0),
        ];
        let sizes: Vec<u64> = front(&points).iter().map(|point| point.batch_size).collect();
        assert_eq!(sizes, [8, 32, 512]);
    }
}
