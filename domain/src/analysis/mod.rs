//! What a sweep's results say, and how sure that is: from one record a trial to the sentences a user acts on.
//!
//! In reading order:
//! - [`record`]: what is known of a trial, [`group`]: which trials are compared, [`score`]: by what,
//! - [`cell`]: a batch size and a learning rate over its seeds,
//! - [`target`]: steps, examples and seconds to the target,
//! - [`hyperbola`] and [`critical`]: the critical batch size, or why it is not known,
//! - [`interval`] and [`random`]: ranges, and resampling that a seed repeats.

pub mod record;

pub mod group;

pub mod score;

pub mod cell;

pub mod target;

pub mod hyperbola;

pub mod critical;

pub mod interval;

pub mod random;

pub use cell::{Cell, CellState, Grid};
pub use critical::{CriticalBatchSize, Verdict};
pub use group::{Group, groups};
pub use hyperbola::Hyperbola;
pub use interval::Interval;
pub use record::TrialRecord;
pub use score::ScoreMetric;
pub use target::{Reach, TargetRow};
