//! A trial that was prepared.

use domain::problem::{DataShape, Task, TaskKind};
use domain::units::ContentHash;

use crate::trainer::data::Feed;
use crate::trainer::device::Meter;
use crate::trainer::facts::Facts;
use crate::trainer::memory::{Account, Infeasible, Plan, TrialKind};
use crate::trainer::step::course::Course;
use crate::trainer::step::learner::Learner;
use crate::trainer::step::tape::StepTape;

/// A trial that can take its first step.
#[derive(Debug)]
pub struct Ready {
    /// Its batches, none taken yet.
    pub course: Course,
    /// Counts and shape of its data.
    pub shape: DataShape,
    /// What it learns to predict.
    pub task: Task,
    /// What its data is, as [`crate::trainer::data::Dataset::sha256`].
    pub data_sha256: Option<ContentHash>,
    /// Gives its examples.
    pub feed: Feed,
    /// Model, optimizer and loss.
    pub learner: Learner,
    /// Takes what its steps leave behind.
    pub tape: StepTape,
    /// How its batches are split.
    pub plan: Plan,
    /// What it may take, and what is fixed of that.
    pub account: Account,
    /// Counts bytes since the trial began.
    pub meter: Meter,
    /// What it shares its memory behaviour with.
    pub kind: TrialKind,
    /// What the user should know of it before it begins.
    pub facts: Facts,
}

/// A trial that cannot be trained within its memory.
#[derive(Debug)]
pub struct DoesNotFit {
    /// Its batches.
    pub course: Course,
    /// Counts and shape of its data.
    pub shape: DataShape,
    /// What it learns to predict.
    pub task: TaskKind,
    /// What its data is, as [`crate::trainer::data::Dataset::sha256`].
    pub data_sha256: Option<ContentHash>,
    /// Why.
    pub infeasible: Infeasible,
    /// The limit that was asked for.
    pub budget: Option<u64>,
    /// Allocations refused while finding out.
    pub ooms: u64,
    /// What the user should know of it.
    pub facts: Facts,
}

/// Whether a trial can be trained within its memory.
pub type Prepared = Result<Box<Ready>, Box<DoesNotFit>>;
