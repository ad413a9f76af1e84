//! The pure core of batchsweep: what a sweep means, which trials it holds, how a batch is split, what memory
//! it takes, and how a trial lives. No async, no I/O, no clock: nothing here can fail in a way its caller
//! cannot see, and everything is tested in milliseconds.
//!
//! In reading order:
//! - [`units`]: batch sizes, learning rates and bytes as types,
//! - [`spec`]: the sweep file's meaning, checked once,
//! - [`grid`]: from a sweep to its trials, in a fixed order,
//! - [`problem`]: what examples hold, and the task that their targets and the loss make,
//! - [`architecture`]: from a model's description to its layers and parameter count,
//! - [`optimizer`] and [`schedule`]: what a step keeps and how the learning rate moves,
//! - [`accumulation`]: from a batch size and a micro-batch limit to a balanced split,
//! - [`memory`]: the four parts, the envelope fitted to probes, the search for the largest micro-batch, and what several
//!   workers know of all that together,
//! - [`lifecycle`]: the states of a trial and the only ways between them,
//! - [`run`]: what a run says: records, results, progress, failures, checkpoints, and the lease they belong to,
//! - [`statistics`], [`noise_scale`] and [`analysis`]: what a finished sweep says, and what it does not,
//! - [`search`]: which trials to begin next, and why,
//! - [`table`]: rows of any query, as text,
//! - [`text`]: what others wrote, made fit to be shown,
//! - [`access`]: who may do what.

#[macro_use]
mod words;

pub mod units;

pub mod spec;

pub mod grid;

pub mod problem;

pub mod architecture;

pub mod optimizer;

pub mod schedule;

pub mod accumulation;

pub mod memory;

pub mod lifecycle;

pub mod run;

pub mod statistics;

pub mod noise_scale;

pub mod analysis;

pub mod search;

pub mod table;

pub mod text;

pub mod access;

pub use accumulation::AccumulationPlan;
pub use grid::{PlannedTrial, expand, turns};
pub use spec::{SpecIssue, SweepSpec, TrialSettings, TrialSpec};
pub use units::{BatchSize, Bytes, LearningRate, TimeSpan};
