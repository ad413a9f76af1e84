//! Labels beside marks, none on top of another: a label that finds no room is left out.

use super::text;

/// A rectangle in pixels: left, top, right, bottom.
type Box = (f64, f64, f64, f64);

/// Where a text stands: its anchor point and the side it grows to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub x: f64,
    pub y: f64,
    pub anchor: &'static str,
}

/// What is taken, within a frame.
pub struct Room {
    frame: Box,
    taken: Vec<Box>,
}

const FONT: f64 = 10.5;
const HEIGHT: f64 = 11.0;

impl Room {
    /// An empty frame: left, top, right, bottom.
    pub fn new(frame: Box) -> Self {
        Self { frame, taken: Vec::new() }
    }

    /// Takes the square around a mark.
    pub fn take(&mut self, (x, y): (f64, f64), radius: f64) {
        self.taken.push((x - radius, y - radius, x + radius, y + radius));
    }

    /// A place beside a mark: right, left, above or below it, the first that is free.
    pub fn beside(&mut self, label: &str, (x, y): (f64, f64)) -> Option<Place> {
        const AWAY: f64 = 8.0;
        let places = [
            Place { x: x + AWAY, y: y + 4.0, anchor: "start" },
            Place { x: x - AWAY, y: y + 4.0, anchor: "end" },
            Place { x, y: y - AWAY, anchor: "middle" },
            Place { x, y: y + AWAY + 8.0, anchor: "middle" },
        ];
        places.into_iter().find(|place| self.try_take(label, *place))
    }

    /// Takes a place if it is free.
    pub fn try_take(&mut self, label: &str, place: Place) -> bool {
        let width = text::width(label, FONT);
        let left = match place.anchor {
            "end" => place.x - width,
            "middle" => place.x - width / 2.0,
            _ => place.x,
        };
        let area = (left, place.y - HEIGHT + 2.0, left + width, place.y + 2.0);
        let (low, high) = ((self.frame.0, self.frame.1), (self.frame.2, self.frame.3));
        let inside = area.0 >= low.0 && area.1 >= low.1 && area.2 <= high.0 && area.3 <= high.1;
        let free = inside && self.taken.iter().all(|other| apart(*other, area));
        if free {
            self.taken.push(area);
        }
        free
    }
}

fn apart(one: Box, other: Box) -> bool {
    one.2 <= other.0 || other.2 <= one.0 || one.3 <= other.1 || other.3 <= one.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_label_goes_where_there_is_room() {
        let mut room = Room::new((0.0, 0.0, 100.0, 100.0));
        assert_eq!(room.beside("32", (50.0, 50.0)).unwrap().anchor, "start");
        assert_eq!(room.beside("64", (50.0, 50.0)).unwrap().anchor, "end");
        assert_eq!(room.beside("128", (95.0, 20.0)).unwrap().anchor, "end", "not out of the frame");
        assert_eq!(Room::new((0.0, 0.0, 10.0, 10.0)).beside("too long", (5.0, 5.0)), None);
    }

    proptest! {
        #[test]
        fn no_two_labels_touch(marks in prop::collection::vec((0.0f64..200.0, 0.0f64..200.0), 1..40)) {
            let mut room = Room::new((0.0, 0.0, 200.0, 200.0));
            for mark in marks {
                let before = room.taken.clone();
                if room.beside("4096", mark).is_some() {
                    let placed = *room.taken.last().unwrap();
                    prop_assert!(before.iter().all(|other| apart(*other, placed)));
                }
            }
        }
    }
}
