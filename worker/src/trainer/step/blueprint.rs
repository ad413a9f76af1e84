//! From a model's description to a learner.

use std::path::{Path, PathBuf};

use super::code;
use super::exactness::LossFault;
use super::learner::{Arithmetic, Learner};
use super::loss::Criterion;
use super::outputs::{self, CHECK_IT};
use super::problem::Problem;
use crate::shim::{TorchError, TorchErrorKind};
use crate::trainer::digest::sha256_of;
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::model::{Model, Script};
use crate::trainer::regular_file;
use crate::trainer::threads::threads_for;
use domain::TrialSettings;
use domain::architecture::{Inexact, Layer, layers, normalises_one_pixel};
use domain::memory::StaticParts;
use domain::problem::{DataShape, Task};
use domain::spec::{ModelSpec, Normalize, PythonCode, TrainSpec};
use domain::units::ContentHash;

/// What a trial's model is to be.
#[derive(Debug)]
pub enum Blueprint {
    /// These layers.
    Layers(Vec<Layer>),
    /// A module of the user's own.
    Script {
        /// The file.
        path: PathBuf,
        /// Of its bytes.
        sha256: ContentHash,
    },
    /// A module that the user's Python code builds.
    Python {
        /// What to call.
        model: PythonCode,
        /// Of the code.
        sha256: ContentHash,
    },
}

/// The shape of the only input of a built-in model.
fn first_shape(shape: &DataShape) -> &[u64] {
    shape.inputs.first().map(|input| &input.shape[..]).unwrap_or_default()
}

impl Blueprint {
    /// What a description means for a task on data of this shape.
    ///
    /// # Errors
    /// [`TrialError`] when the data does not suit the model, or the module's file cannot be read.
    pub fn new(model: &ModelSpec, shape: &DataShape, task: &Task) -> Result<Self, TrialError> {
        match (layers(model, shape, task)?, model) {
            (Some(layers), _) => Ok(Self::Layers(layers)),
            (None, ModelSpec::TorchScript(script)) => {
                // The agent brings a module that was sent along, and says where it is.
                let Some(path) = script.file.path() else {
                    let problem = "a module was sent along with the sweep, and not brought to the trainer";
                    return Err(TrialError::Unsupported(problem.to_owned()));
                };
                let path = PathBuf::from(path);
                let sha256 = regular_file::open(&path).and_then(sha256_of).map_err(|error| TrialError::Module {
                    path: path.display().to_string(),
                    reason: error.to_string(),
                    help: "the file must be on the worker, under this path; or send it along with `upload` in place of `path`",
                })?;
                Ok(Self::Script { path, sha256 })
            }
            (None, ModelSpec::Python(model)) => {
                let Some(path) = model.file.path() else {
                    let problem = "Python code was sent along with the sweep, and not brought to the trainer";
                    return Err(TrialError::Unsupported(problem.to_owned()));
                };
                let sha256 = code::sha256_of(Path::new(path)).map_err(|error| TrialError::Module {
                    path: path.to_owned(),
                    reason: error.to_string(),
                    help: "the file must be on the worker, under this path; or send it along with `upload` in place of `path`",
                })?;
                Ok(Self::Python { model: model.clone(), sha256 })
            }
            (None, other) => Err(TrialError::Unsupported(format!(
                "model kind {:?} is not known to this worker",
                other.kind()
            ))),
        }
    }

    /// Whether the model is a module of the user's own.
    #[must_use]
    pub fn is_own(&self) -> bool {
        !matches!(self, Self::Layers(_))
    }

    /// Threads to compute with.
    #[must_use]
    pub fn threads(&self, shape: &DataShape, examples: u64, available: u64) -> u64 {
        match self {
            Self::Layers(layers) => threads_for(layers, first_shape(shape), examples, available),
            // How much there is to compute is not known.
            Self::Script { .. } | Self::Python { .. } => available.max(1),
        }
    }

    /// Parts 1 and 2 of the memory, as far as they are known before the model is there.
    #[must_use]
    pub fn predict(&self, train: &TrainSpec) -> StaticParts {
        match self {
            Self::Layers(layers) => StaticParts::predict(layers, train),
            Self::Script { .. } | Self::Python { .. } => StaticParts::default(),
        }
    }

    /// Whether a micro-batch of one example cannot be trained on, since a batch normalisation would see one value for each
    /// channel. Of a module of the user's own that is not known; it raises PyTorch's own error.
    #[must_use]
    pub fn needs_two_examples(&self, shape: &DataShape) -> bool {
        matches!(self, Self::Layers(layers) if normalises_one_pixel(layers, first_shape(shape)))
    }

    /// Text that is equal for equal models.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::Layers(layers) => format!("{layers:?}"),
            Self::Script { sha256, .. } => format!("torchscript {sha256}"),
            Self::Python { model, sha256 } => {
                format!("python {sha256} {} {:?}", model.function, model.arguments)
            }
        }
    }

    /// Builds the model with the trial's seed, and its optimizer.
    ///
    /// # Errors
    /// [`TrialError`] when memory runs out, or the module does not do what a model must.
    pub fn build(
        &self,
        settings: &TrialSettings,
        problem: &Problem<'_>,
        arithmetic: Arithmetic,
    ) -> Result<Learner, TrialError> {
        let TrialSettings { train, seed, .. } = settings;
        let (Problem { shape, task, .. }, options) = (problem, (arithmetic.kind, arithmetic.device));
        let (model, width) = match self {
            Self::Layers(layers) => {
                let features = first_shape(shape);
                let model = TorchError::catch(|| Model::build(layers, features, *seed, options));
                (model.doing(BUILDING)?, task.outputs().unwrap_or(0))
            }
            Self::Script { path, .. } => script(path, *seed, problem, arithmetic)?,
            Self::Python { model, .. } => code::build(model, *seed, problem, arithmetic)?,
        };
        let criterion = Criterion::new(train.loss, (*task).clone(), width, arithmetic.kind);
        TorchError::catch(|| Learner::new(model, criterion, train, arithmetic, *seed)).doing(BUILDING)
    }

    /// What the user should know of a model that was built from this.
    #[must_use]
    pub fn remarks(&self, model: &Model) -> Vec<String> {
        let inexact = (model.inexact_when_split() == Some(Inexact::OwnCode))
            .then(|| format!("accumulation is approximate: {}", Inexact::OwnCode.reason()));
        inexact.into_iter().chain(model.remark().map(str::to_owned)).collect()
    }

    /// What the user should know of the initial weights of a model that was built from this.
    #[must_use]
    pub fn remark_on_weights(&self, model: &Model) -> Option<String> {
        let Self::Script { path, .. } = self else { return None };
        (!model.is_seeded()).then(|| {
            format!(
                "{} exports no reset_parameters: every trial starts from the weights in the file, whatever its seed",
                path.display()
            )
        })
    }

    /// The refusal of a loss of the model's own.
    #[must_use]
    pub fn refuse_loss(&self, fault: LossFault) -> TrialError {
        let (reason, help) = match fault {
            LossFault::Mean => (
                "loss() returns a mean: for two examples and two more it gives half of what it gives for all four, and as many \
                 terms together",
                "return the sum, as with reduction=\"sum\", and how many terms it is of",
            ),
            LossFault::TermsStay => (
                "loss() returns as many terms for two examples as for four: a batch that is split would have another loss",
                "return the sum, and how many terms it is of, such as len(y)",
            ),
            LossFault::NoTerms => (
                "loss() returns a number of terms that is below 0 or no number",
                "return how many terms the sum is of",
            ),
        };
        TrialError::Code { path: self.path(), reason: reason.to_owned(), help: help.to_owned() }
    }

    /// Where the user's own module is from.
    fn path(&self) -> String {
        match self {
            Self::Script { path, .. } => path.display().to_string(),
            Self::Python { model, .. } => model.file.path().unwrap_or_default().to_owned(),
            Self::Layers(_) => String::new(),
        }
    }

    /// The refusal of a module that sees only the whole part of its inputs, where these are scaled.
    #[must_use]
    pub fn refuse_scaled(&self, normalize: Normalize) -> TrialError {
        let reason = format!(
            "it takes whole numbers, as an embedding does, and `normalize = \"{}\"` makes fractions of them, of which it sees \
             the whole part alone: mostly 0",
            match normalize {
                Normalize::Standard => "standard",
                Normalize::Unit | Normalize::None => "unit",
            }
        );
        TrialError::Module { path: self.path(), reason, help: "set `normalize = \"none\"` in [data]" }
    }
}

const BUILDING: &str = "building the model";

/// The module as a model, and the width of its outputs.
fn script(
    path: &Path,
    seed: u64,
    problem: &Problem<'_>,
    arithmetic: Arithmetic,
) -> Result<(Model, u64), TrialError> {
    let unusable =
        |reason: String, help| Err(TrialError::Module { path: path.display().to_string(), reason, help });
    let options = (arithmetic.kind, arithmetic.device);
    let inputs = &problem.shape.inputs;
    if inputs.len() > 1 {
        return Err(TrialError::Unsupported(format!(
            "a scripted module takes one input here, and this data has {}; use a model of kind \"python\"",
            inputs.len()
        )));
    }
    let loaded = TorchError::catch(|| Script::load(path, seed, options));
    let script = match loaded {
        Err(error) if error.kind == TorchErrorKind::Other => {
            let help = help_for(&error);
            return unusable(error.message, help);
        }
        other => other.doing(BUILDING)?,
    };
    if script.trained.is_empty() {
        return unusable("it has no parameter that wants a gradient".to_owned(), CHECK_IT);
    }
    let mut model = TorchError::catch(|| Model::from_script(script)).doing(BUILDING)?;
    match outputs::try_out(&mut model, problem, options, CHECK_IT).doing(BUILDING)? {
        Ok(width) => Ok((model, width)),
        Err((reason, help)) => unusable(reason, help),
    }
}

/// What to do about a module that cannot be loaded.
pub(in crate::trainer) fn help_for(error: &TorchError) -> &'static str {
    if error.message.starts_with("`forward`") || error.message.contains("no method `forward`") {
        "give it a `forward` that takes one tensor and returns one"
    } else {
        "save it with torch.jit.script(model).save(path)"
    }
}
