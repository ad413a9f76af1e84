//! What a sweep's results say, and how sure that is: from one record a trial to the sentences a user acts on.
//!
//! In reading order:
//! - [`record`]: what is known of a trial, [`group`]: which trials are compared, [`score`]: by what,
//! - [`cell`]: a batch size and a learning rate over its seeds,
//! - [`best_rate`] and [`rate_slope`]: the best learning rate of each batch size, and how it moves with it,
//! - [`target`]: steps, examples and seconds to the target,
//! - [`hyperbola`] and [`critical`]: the critical batch size, or why it is not known,
//! - [`throughput`]: how long a step takes, [`peak_memory`]: what memory it takes,
//! - [`comparison`]: all of that for one group,
//! - [`conclusion`] and [`warnings`]: the sentences, and what must not be read into the numbers; [`mod@extension`]: where the grid
//!   should grow,
//! - [`mod@line`], [`parabola`], [`interval`], [`spread`], [`random`]: fits, ranges, and repeatable resampling.

pub mod record;

pub mod group;

pub mod score;

pub mod cell;

pub mod best_rate;

pub mod rate_slope;

pub mod target;

pub mod hyperbola;

pub mod critical;

pub mod throughput;

pub mod peak_memory;

pub mod comparison;

pub mod conclusion;

pub mod warnings;

pub mod extension;

pub mod line;

pub mod parabola;

pub mod interval;

pub mod spread;

pub mod random;

mod facts;

mod words;

pub use best_rate::{BestRate, Edge, Plateau, PlateauRule, RefinedRate, best_rates};
pub use cell::{Cell, CellState, Grid};
pub use comparison::Comparison;
pub use conclusion::{Conclusion, Sentence, SentenceKind};
pub use critical::{CriticalBatchSize, Verdict};
pub use extension::{Extension, extension};
pub use group::{Group, groups};
pub use hyperbola::Hyperbola;
pub use interval::Interval;
pub use peak_memory::{MemoryLine, PeakMemory};
pub use rate_slope::{RateSlope, RateSlopes};
pub use record::TrialRecord;
pub use score::ScoreMetric;
pub use target::{Reach, TargetRow};
pub use throughput::{StepTime, StepTimeLine, Throughput};
pub use warnings::Warning;

use crate::spec::TrainSpec;
use facts::Facts;

/// What a sweep says.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// What trials are compared by.
    pub metric: ScoreMetric,
    /// One a group of comparable trials, in the order in which they first occur.
    pub comparisons: Vec<Comparison>,
    /// What to train with, why, and what is not known.
    pub conclusion: Conclusion,
    /// What must not be read into the numbers.
    pub warnings: Vec<Warning>,
}

/// The seed that resampling starts from: a fixed one, so that the same results say the same.
const SEED: u64 = 0x0062_6174_6368;

/// Analyses the trials of one sweep. `train` is what its `[train]` section says, where that is known: it tells the
/// target, and what the optimizer remembers.
#[must_use]
pub fn analyze(records: &[TrialRecord], train: Option<&TrainSpec>) -> Analysis {
    let target = train.and_then(|train| train.target);
    let metric = ScoreMetric::of(records, train);
    let groups = groups(records);
    let trains: Vec<Option<TrainSpec>> =
        groups.iter().map(|group| train.map(|train| group.train(train))).collect();
    let comparisons: Vec<Comparison> =
        groups.iter().map(|group| Comparison::of(group, metric, target, SEED)).collect();
    let mut facts: Vec<Facts<'_>> = groups
        .iter()
        .zip(&comparisons)
        .zip(&trains)
        .map(|((group, comparison), train)| Facts { group, comparison, train: train.as_ref() })
        .collect();
    let conclusion = conclusion::conclude(&facts);
    // Warnings are told of the group that was chosen from, where they apply to it.
    let chosen = conclusion.choice.as_ref().map(|choice| choice.group.as_str());
    facts.sort_by_key(|facts| Some(facts.comparison.label.as_str()) != chosen);
    let warnings = warnings::warnings(&facts);
    Analysis { metric, comparisons, conclusion, warnings }
}
