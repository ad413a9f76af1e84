//! The sweep file's meaning. A [`SweepDraft`] is what was typed or sent; [`SweepSpec::try_new`] checks all of
//! it at once, and from then on nobody checks again.

mod axis;
mod check;
mod code;
mod data;
mod file;
mod grown;
mod memory;
mod model;
mod model_key;
mod name;
mod search;
mod train;
mod trial;

pub(crate) use axis::round_to_digits;
pub use axis::{Axis, BatchSizeAxis, GridSpec, LearningRateAxis, ModelAxis, ScalingRule, TrainAxis};
pub use check::SpecIssue;
pub use code::{Argument, PythonCode};
pub use data::{ArrayData, CifarData, DataSource, DataSpec, IdxData, Labels, Normalize, SyntheticData};
pub use file::{FileSource, Upload};
pub use grown::CannotGrow;
pub use memory::{MemorySpec, MicroBatchPolicy};
pub use model::{CnnModel, MlpModel, ModelSpec, Norm, ResNetModel, ScriptModel};
pub use model_key::ModelSetError;
pub use name::{NAME_RULE, is_name};
pub use search::{Goal, SearchSpec, SeedRule};
pub use train::{
    Budget, Loss, OptimizerKind, Precision, ScheduleKind, SetError, Target, TargetMetric, TrainKey,
    TrainSpec, Value,
};
pub use trial::{TrialSettings, TrialSpec};

use std::ops::Deref;

/// A sweep as typed or received: every value has its type, none is checked yet.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepDraft {
    /// A name to call the sweep by: `[a-z0-9-]+`, at most 63 characters.
    pub name: Option<String>,
    /// Where the examples come from.
    pub data: DataSpec,
    /// What is trained.
    pub model: ModelSpec,
    /// The axes whose product is the sweep.
    pub grid: GridSpec,
    /// What all trials share unless an axis says otherwise.
    pub train: TrainSpec,
    /// How much memory a trial may take and how its batch is split.
    pub memory: MemorySpec,
    /// Which cells of the grid are trained.
    pub search: SearchSpec,
}

/// A sweep that passed every check. It derefs to its [`SweepDraft`] for reading; it cannot be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepSpec(SweepDraft);

impl SweepDraft {
    /// The files that are sent along with it.
    pub fn uploads(&self) -> impl Iterator<Item = &Upload> {
        self.data.source.upload().into_iter().chain(self.model.upload())
    }

    /// Whether training it runs code that its user wrote.
    #[must_use]
    pub fn runs_code(&self) -> bool {
        self.model.runs_code() || self.data.source.runs_code()
    }

    /// Whether training it takes a Python interpreter.
    #[must_use]
    pub fn needs_python(&self) -> bool {
        matches!(self.model, ModelSpec::Python(_)) || self.data.source.runs_code()
    }
}

impl SweepSpec {
    /// The most trials one sweep may hold.
    pub const MAX_TRIALS: u64 = 100_000;

    /// Checks a draft.
    ///
    /// # Errors
    /// Every issue found, not only the first; each names its field by path, such as `grid.batch_size[1]`.
    pub fn try_new(draft: SweepDraft) -> Result<Self, Vec<SpecIssue>> {
        let issues = check::issues(&draft);
        if issues.is_empty() { Ok(Self(draft)) } else { Err(issues) }
    }
}

impl Deref for SweepSpec {
    type Target = SweepDraft;

    fn deref(&self) -> &SweepDraft {
        &self.0
    }
}
