//! `[train]`: how each trial is trained. Any scalar key of it may be an axis of the grid ([`TrainKey`]).

use std::fmt;

/// How each trial is trained, before the axes of the grid have their say.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSpec {
    /// How long; `None` only where an axis of the grid gives it.
    pub budget: Option<Budget>,
    /// The update rule.
    pub optimizer: OptimizerKind,
    /// Momentum of SGD (and RMSprop), in [0, 1).
    pub momentum: f64,
    /// Nesterov's momentum, for SGD.
    pub nesterov: bool,
    /// Weight decay: an L2 gradient for SGD, Adam and RMSprop, decoupled for AdamW. `None` is PyTorch's default:
    /// 0.01 for AdamW, else 0.
    pub weight_decay: Option<f64>,
    /// Decay of the first moment (Adam, AdamW), in [0, 1).
    pub beta1: f64,
    /// Decay of the second moment (Adam, AdamW: PyTorch's 0.999; RMSprop's alpha: 0.99), in [0, 1).
    pub beta2: Option<f64>,
    /// Added to the denominator (Adam, AdamW, RMSprop).
    pub epsilon: f64,
    /// What is minimised, as a mean over the examples of a batch.
    pub loss: Loss,
    /// How the learning rate moves over the trial's steps.
    pub schedule: ScheduleKind,
    /// Steps over which the learning rate rises linearly to its full value.
    pub warmup_steps: u64,
    /// A new random order each epoch; `false`: file order, every epoch.
    pub shuffle: bool,
    /// The number type of weights and activations.
    pub precision: Precision,
    /// Leave out the last batch of an epoch when it is not full.
    pub drop_last: bool,
    /// What the trial is measured against.
    pub target: Option<Target>,
    /// End the trial at the first evaluation that meets the target.
    pub stop_at_target: bool,
}

impl Default for TrainSpec {
    fn default() -> Self {
        Self {
            budget: None,
            optimizer: OptimizerKind::Sgd,
            momentum: 0.0,
            nesterov: false,
            weight_decay: None,
            beta1: 0.9,
            beta2: None,
            epsilon: 1e-8,
            loss: Loss::CrossEntropy,
            schedule: ScheduleKind::Constant,
            warmup_steps: 0,
            shuffle: true,
            precision: Precision::Float32,
            drop_last: false,
            target: None,
            stop_at_target: false,
        }
    }
}

impl TrainSpec {
    /// Sets one key, as an axis of the grid does.
    ///
    /// # Errors
    /// [`SetError`] when the value has the wrong type or is no word of its key.
    pub fn set(&mut self, key: TrainKey, value: &Value) -> Result<(), SetError> {
        match key {
            TrainKey::Epochs => self.budget = Some(Budget::Epochs(value.whole(key)?)),
            TrainKey::Steps => self.budget = Some(Budget::Steps(value.whole(key)?)),
            TrainKey::Examples => self.budget = Some(Budget::Examples(value.whole(key)?)),
            TrainKey::Optimizer => self.optimizer = value.word(key, &OptimizerKind::ALL)?,
            TrainKey::Momentum => self.momentum = value.number(key)?,
            TrainKey::Nesterov => self.nesterov = value.flag(key)?,
            TrainKey::WeightDecay => self.weight_decay = Some(value.number(key)?),
            TrainKey::Beta1 => self.beta1 = value.number(key)?,
            TrainKey::Beta2 => self.beta2 = Some(value.number(key)?),
            TrainKey::Epsilon => self.epsilon = value.number(key)?,
            TrainKey::Loss => self.loss = value.word(key, &Loss::ALL)?,
            TrainKey::Schedule => self.schedule = value.word(key, &ScheduleKind::ALL)?,
            TrainKey::WarmupSteps => self.warmup_steps = value.whole(key)?,
            TrainKey::Shuffle => self.shuffle = value.flag(key)?,
            TrainKey::Precision => self.precision = value.word(key, &Precision::ALL)?,
            TrainKey::DropLast => self.drop_last = value.flag(key)?,
            TrainKey::StopAtTarget => self.stop_at_target = value.flag(key)?,
        }
        Ok(())
    }

    /// The weight decay in force.
    #[must_use]
    pub fn weight_decay(&self) -> f64 {
        self.weight_decay.unwrap_or(if self.optimizer == OptimizerKind::AdamW { 0.01 } else { 0.0 })
    }

    /// The decay of the second moment in force.
    #[must_use]
    pub fn beta2(&self) -> f64 {
        self.beta2.unwrap_or(if self.optimizer == OptimizerKind::RmsProp { 0.99 } else { 0.999 })
    }
}

/// How long a trial trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Passes over the training set.
    Epochs(u64),
    /// Optimizer steps.
    Steps(u64),
    /// Training examples seen: as many whole batches as it takes to see at least these.
    Examples(u64),
}

words! {
    /// The update rule.
    OptimizerKind {
        /// Stochastic gradient descent, with or without momentum.
        Sgd = "sgd",
        /// Adam (Kingma & Ba 2015).
        Adam = "adam",
        /// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
        AdamW = "adamw",
        /// RMSprop (Hinton 2012).
        RmsProp = "rmsprop",
    }
}

words! {
    /// What is minimised: of a batch the sum over its terms, divided by how many they are.
    Loss {
        /// Cross entropy of the softmax against the class; a term is an example, or a position of a sequence.
        CrossEntropy = "cross_entropy",
        /// Squared error against numbers, or against the one-hot class where the target is one; a term is a number.
        Mse = "mse",
        /// Absolute error; a term is a number.
        Mae = "mae",
        /// Squared error up to 1, absolute beyond (Huber 1964; PyTorch's `HuberLoss` with delta 1); a term is a number.
        Huber = "huber",
        /// Cross entropy of the sigmoid against a label of 0 or 1; a term is a label.
        BinaryCrossEntropy = "binary_cross_entropy",
        /// What the function `loss(model, batch)` in the model's own file gives: a sum and how many terms it is of.
        Model = "model",
    }
}

words! {
    /// How the learning rate moves over a trial's steps; see [`crate::schedule`].
    ScheduleKind {
        /// It stays at its full height.
        Constant = "constant",
        /// It falls linearly to 0.
        Linear = "linear",
        /// It falls to 0 along half a cosine.
        Cosine = "cosine",
    }
}

words! {
    /// The number type of weights and activations.
    Precision {
        /// 4 bytes a number, for weights and activations.
        Float32 = "float32",
        /// 2-byte activations by autocast, 4-byte weights, gradients and accumulators.
        BFloat16 = "bfloat16",
        /// 8 bytes a number, for weights and activations.
        Float64 = "float64",
    }
}

impl Precision {
    /// Bytes of one parameter, gradient or optimizer state element.
    #[must_use]
    pub fn parameter_bytes(self) -> u64 {
        match self {
            Self::Float32 | Self::BFloat16 => 4,
            Self::Float64 => 8,
        }
    }

    /// Bytes of one input element as the model sees it.
    #[must_use]
    pub fn input_bytes(self) -> u64 {
        self.parameter_bytes()
    }
}

words! {
    /// The metric a target is set on. All get better as they fall.
    TargetMetric {
        /// Share of validation examples classified wrongly.
        ValidationError = "validation_error",
        /// Mean loss over the validation examples.
        ValidationLoss = "validation_loss",
        /// Mean loss over the whole training set.
        TrainSetLoss = "train_set_loss",
    }
}

/// `target = { metric, below }`: met at the first evaluation strictly below.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// What is compared.
    pub metric: TargetMetric,
    /// What the metric must fall below; equal is not enough.
    pub below: f64,
}

words! {
    /// The keys of `[train]` that may be axes.
    TrainKey {
        /// See [`Budget::Epochs`].
        Epochs = "epochs",
        /// See [`Budget::Steps`].
        Steps = "steps",
        /// See [`Budget::Examples`].
        Examples = "examples",
        /// See [`TrainSpec::optimizer`].
        Optimizer = "optimizer",
        /// See [`TrainSpec::momentum`].
        Momentum = "momentum",
        /// See [`TrainSpec::nesterov`].
        Nesterov = "nesterov",
        /// See [`TrainSpec::weight_decay`].
        WeightDecay = "weight_decay",
        /// See [`TrainSpec::beta1`].
        Beta1 = "beta1",
        /// See [`TrainSpec::beta2`].
        Beta2 = "beta2",
        /// See [`TrainSpec::epsilon`].
        Epsilon = "epsilon",
        /// See [`TrainSpec::loss`].
        Loss = "loss",
        /// See [`TrainSpec::schedule`].
        Schedule = "schedule",
        /// See [`TrainSpec::warmup_steps`].
        WarmupSteps = "warmup_steps",
        /// See [`TrainSpec::shuffle`].
        Shuffle = "shuffle",
        /// See [`TrainSpec::precision`].
        Precision = "precision",
        /// See [`TrainSpec::drop_last`].
        DropLast = "drop_last",
        /// See [`TrainSpec::stop_at_target`].
        StopAtTarget = "stop_at_target",
    }
}

impl TrainKey {
    /// Whether the key says how long a trial trains; a sweep has exactly one of these.
    #[must_use]
    pub fn is_budget(self) -> bool {
        matches!(self, Self::Epochs | Self::Steps | Self::Examples)
    }
}

/// A scalar of the sweep file: one value of an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A word, such as `"adam"`.
    Word(String),
}

/// A value that its key cannot take.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{key}` takes {expected}, not {found}", key = key.word())]
pub struct SetError {
    /// The key that was to be set.
    pub key: TrainKey,
    /// What it takes, in words.
    pub expected: String,
    /// The value as typed.
    pub found: String,
}

impl Value {
    fn error(&self, key: TrainKey, expected: impl Into<String>) -> SetError {
        SetError { key, expected: expected.into(), found: self.to_string() }
    }

    fn whole(&self, key: TrainKey) -> Result<u64, SetError> {
        match self {
            Self::Integer(value) => u64::try_from(*value).ok(),
            _ => None,
        }
        .ok_or_else(|| self.error(key, "a whole number"))
    }

    fn number(&self, key: TrainKey) -> Result<f64, SetError> {
        match self {
            Self::Integer(value) => Ok(*value as f64),
            Self::Number(value) => Ok(*value),
            _ => Err(self.error(key, "a number")),
        }
    }

    fn flag(&self, key: TrainKey) -> Result<bool, SetError> {
        match self {
            Self::Flag(value) => Ok(*value),
            _ => Err(self.error(key, "true or false")),
        }
    }

    fn word<T: Copy>(&self, key: TrainKey, all: &[(&str, T)]) -> Result<T, SetError> {
        match self {
            Self::Word(word) => all.iter().find(|(name, _)| name == word).map(|&(_, value)| value),
            _ => None,
        }
        .ok_or_else(|| {
            let words: Vec<_> = all.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            self.error(key, format!("one of {}", words.join(", ")))
        })
    }
}

/// As in TOML: words in quotes, numbers that read back as the same number.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => write!(f, "{value:?}"),
            Self::Flag(value) => value.fmt(f),
            Self::Word(value) => write!(f, "{value:?}"),
        }
    }
}
