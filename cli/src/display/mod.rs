//! How far a sweep is, on standard error: live bars on a terminal that can
//! redraw a line, a line for each trial elsewhere.

mod bars;

mod lines;

mod remaining;

use bars::Bars;
use domain::search::SweepSearch;
use domain::spec::SweepDraft;
use lines::Lines;
use proto::Wire;
use proto::v1::{Sweep, WatchSweepResponse};
use report::Table;

use crate::talk::{self, Talk, warning};

/// What is shown while a sweep runs.
#[derive(Debug)]
pub enum Display {
    /// One line a running trial and a total, redrawn in place.
    Bars(Bars),
    /// One line as each trial ends.
    Lines(Lines),
    /// Only what happens besides, such as that no worker takes a trial.
    Notes,
    /// With `--quiet`.
    Nothing,
}

impl Display {
    /// What suits standard error.
    #[must_use]
    pub fn new(talk: Talk) -> Self {
        match talk {
            Talk::Quiet => Self::Nothing,
            _ => Bars::new().map_or_else(|| Self::Lines(Lines::default()), Self::Bars),
        }
    }

    /// For a command that waits without a word unless something is wrong.
    #[must_use]
    pub fn notes(talk: Talk) -> Self {
        if talk == Talk::Quiet { Self::Nothing } else { Self::Notes }
    }

    /// A new state of the sweep.
    pub fn update(&mut self, state: &WatchSweepResponse) {
        match self {
            Self::Bars(bars) => bars.update(state),
            Self::Lines(lines) => lines.update(state),
            Self::Notes | Self::Nothing => {}
        }
    }

    /// Whether [`Display::ended`] should be told of the trials that have ended.
    #[must_use]
    pub fn wants_ended(&self, ended: u64) -> bool {
        matches!(self, Self::Lines(lines) if lines.shown() < ended)
    }

    /// The results so far.
    pub fn ended(&mut self, results: &Table) {
        if let Self::Lines(lines) = self {
            lines.ended(results);
        }
    }

    /// Something that happened meanwhile.
    pub fn note(&self, text: &str) {
        match self {
            Self::Bars(bars) => bars.print(&warning(text)),
            Self::Lines(_) | Self::Notes => talk::line(warning(text)),
            Self::Nothing => {}
        }
    }

    /// Takes the bars away.
    pub fn finish(&mut self) {
        if let Self::Bars(bars) = self {
            bars.clear();
        }
    }
}

/// How many trials are trained: of a sweep with a search that goes on, the most that can be.
#[must_use]
pub fn most(sweep: Option<&Sweep>) -> String {
    let counts = sweep.and_then(|sweep| sweep.counts).unwrap_or_default();
    let all = trials(Some(&counts)).0 - counts.skipped;
    if counts.undecided == 0 {
        return all.to_string();
    }
    let draft = sweep.and_then(|sweep| SweepDraft::from_wire(sweep.spec.clone()?).ok());
    let most = draft.and_then(|draft| SweepSearch::at_most(&draft)).unwrap_or(all);
    format!("at most {most}")
}

/// How many trials a sweep has, and how many of them have ended.
#[must_use]
pub fn trials(counts: Option<&proto::v1::TrialCounts>) -> (u64, u64) {
    let counts = counts.copied().unwrap_or_default();
    let results = counts.succeeded + counts.diverged + counts.infeasible + counts.stopped;
    let ended = results + counts.skipped + counts.failed + counts.cancelled;
    (ended + counts.undecided + counts.pending + counts.running, ended)
}
