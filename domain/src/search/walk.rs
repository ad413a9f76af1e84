//! One row, a batch size with its learning rates: its best rate, what bounds it on either side, and what to train next to
//! find out.

use super::sheet::{Sheet, State};
use super::space::Cell;

/// Rates above the start that are tried where all below it diverged.
const PAST_WALL: usize = 2;

/// A direction along the learning rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Towards smaller rates.
    Lower,
    /// Towards larger rates.
    Higher,
}

impl Side {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Lower, Self::Higher];

    pub(super) fn step(self) -> i32 {
        match self {
            Self::Lower => -1,
            Self::Higher => 1,
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Lower => Self::Higher,
            Self::Higher => Self::Lower,
        }
    }
}

/// What is known on one side of the best rate of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The nearest rate that was trained to its end is worse.
    Worse(Cell),
    /// The next larger rate diverged.
    Wall(Cell),
    /// There is no rate left: the best may lie outside.
    Edge,
    /// It depends on a trial that has not ended.
    Open(Cell),
    /// It depends on a cell that was not trained.
    Unknown(Cell),
}

/// A row of the sheet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) sheet: &'a Sheet<'a>,
    pub(super) group: usize,
    pub(super) row: usize,
}

impl<'a> Row<'a> {
    pub(super) fn cell(&self, rate: i32) -> Cell {
        Cell { group: self.group, row: self.row, rate }
    }

    pub(super) fn state(&self, rate: i32) -> State {
        self.sheet.state(self.cell(rate))
    }

    pub(super) fn states(&self) -> impl Iterator<Item = (i32, State)> + use<'a> {
        let row = *self;
        let (low, high) = row.sheet.space.reach(row.row);
        (low..=high).map(move |rate| (rate, row.state(rate)))
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.states().all(|(_, state)| state == State::Unknown)
    }

    /// Whether no rate of it has a score, and none is left to try.
    pub(super) fn is_exhausted(&self) -> bool {
        self.best().is_none()
            && !self.any(State::Open)
            && (self.any(State::Infeasible) || self.first(0).is_none())
    }

    /// Whether a trial is open on which it depends what bounds this rate.
    pub(super) fn is_open(&self, best: i32) -> bool {
        Side::BOTH.iter().any(|&side| matches!(self.bound(best, side), Bound::Open(_)))
    }

    fn any(&self, wanted: State) -> bool {
        self.states().any(|(_, state)| state == wanted)
    }

    /// The best rate known, the smaller of equals. Where no trial met the target, the one that came closest.
    pub(super) fn best(&self) -> Option<i32> {
        let ranked = self.states().filter_map(|(rate, state)| Some((rate, state.rank()?)));
        let least =
            ranked.min_by(|(_, left), (_, right)| left.0.cmp(&right.0).then(left.1.total_cmp(&right.1)));
        least.map(|(rate, _)| rate)
    }

    pub(super) fn score(&self, rate: i32) -> Option<f64> {
        match self.state(rate) {
            State::Scored(score) => Some(score),
            _ => None,
        }
    }

    /// What bounds the best rate on this side. Rates that failed are passed over, and so are smaller ones that diverged: only
    /// towards larger rates is divergence a wall. One equal rate is passed over, too, since a plateau may slope down at its
    /// far end.
    pub(super) fn bound(&self, best: i32, side: Side) -> Bound {
        let (low, high) = self.sheet.space.reach(self.row);
        let rank = self.state(best).rank();
        let (mut rate, mut equals) = (best, 0);
        loop {
            rate += side.step();
            let cell = self.cell(rate);
            if !(low..=high).contains(&rate) {
                return Bound::Edge;
            }
            match self.state(rate) {
                State::Unknown => return Bound::Unknown(cell),
                State::Open => return Bound::Open(cell),
                State::Diverged if side == Side::Higher => return Bound::Wall(cell),
                State::Diverged | State::Failed => {}
                state if equals == 0 && state.rank() == rank => equals += 1,
                _ => return Bound::Worse(cell),
            }
        }
    }

    /// The cells that must be trained to find the best rate and to bound it, the more useful first. `start` is where the row
    /// begins, and `towards` where its best rate is expected from there.
    pub(super) fn needs(&self, start: i32, towards: Side) -> Vec<Cell> {
        if self.any(State::Infeasible) {
            return Vec::new();
        }
        let Some(best) = self.best() else {
            return self.first(start).map(|rate| self.cell(rate)).into_iter().collect();
        };
        let first = self.likelier(best, towards);
        let bounds = [first, first.other()].map(|side| self.bound(best, side));
        // While one side is being trained the other may turn out not to be needed.
        if bounds.iter().any(|bound| matches!(bound, Bound::Open(_))) {
            return Vec::new();
        }
        let unknown = bounds.into_iter().filter_map(|bound| match bound {
            Bound::Unknown(cell) => Some(cell),
            _ => None,
        });
        unknown.collect()
    }

    /// The side on which a better rate is likelier: where the parabola through the nearest scored rates has its vertex, else
    /// where nothing is scored yet.
    fn likelier(&self, best: i32, towards: Side) -> Side {
        let nearest = |side: Side| {
            let scored = self.states().filter(|(_, state)| matches!(state, State::Scored(_)));
            let beyond = scored.filter(move |(rate, _)| (rate - best) * side.step() > 0);
            beyond.map(|(rate, _)| rate).min_by_key(|rate| rate.abs_diff(best))
        };
        match (nearest(Side::Lower), nearest(Side::Higher)) {
            (None, None) => towards,
            (Some(_), None) => Side::Higher,
            (None, Some(_)) => Side::Lower,
            (Some(lower), Some(higher)) => {
                let rise =
                    |rate| self.score(rate).zip(self.score(best)).map_or(0.0, |(far, best)| far - best);
                let (left, right) = (f64::from(best - lower), f64::from(higher - best));
                let (slope_left, slope_right) = (rise(lower) / left, rise(higher) / right);
                // As in `analysis::parabola`, with the best rate at 0.
                let vertex =
                    slope_left * (left + right) / (slope_left + slope_right).max(f64::MIN_POSITIVE) - left;
                if vertex < 0.0 { Side::Lower } else { Side::Higher }
            }
        }
    }

    /// The rate to train where no rate has a score yet; `None` while a trial is open, or where none is left.
    fn first(&self, start: i32) -> Option<i32> {
        if self.any(State::Open) {
            return None;
        }
        let (low, _) = self.sheet.space.reach(self.row);
        let walls: Vec<i32> =
            self.states().filter(|(_, state)| *state == State::Diverged).map(|(rate, _)| rate).collect();
        let unknown = self.states().filter(|(_, state)| *state == State::Unknown).map(|(rate, _)| rate);
        match walls.first() {
            // Twice as far below at each wall that was met, so that a row far past its wall is left soon.
            Some(&wall) if wall > low && self.state(low) != State::Diverged => {
                let steps = 1 << (walls.len() - 1).min(16);
                let target = (wall - steps).max(low);
                unknown.filter(|&rate| rate < wall).min_by_key(|rate| rate.abs_diff(target))
            }
            // The smallest rate diverged: by chance, if at all, so that two more are tried.
            Some(_) if walls.iter().filter(|&&rate| rate > start).count() < PAST_WALL => {
                unknown.filter(|&rate| rate > start).min()
            }
            Some(_) => None,
            None => unknown.min_by_key(|rate| (rate.abs_diff(start), -rate)),
        }
    }
}
