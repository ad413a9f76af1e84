//! How large a micro-batch may be.
//!
//! - [`account`]: what a trial makes of the device's bytes, in parts and in words,
//! - [`planner`]: from a batch size and a budget to a split; [`probe`] runs micro-batches to find out what they take,
//! - [`known`]: known memory, by kind of trial; [`forecast`]: what follows from it for a split,
//! - [`cap`]: a limit that has nothing to do with what fits.

pub mod account;
pub mod cap;
mod forecast;
pub mod known;
pub mod planner;
pub mod probe;

pub use account::{Account, Infeasible};
pub use cap::MicroBatchCap;
pub use known::TrialKind;
pub use planner::{Plan, Planner};
