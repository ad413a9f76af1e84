//! What a worker found when it opened the data.

use crate::spec::Precision;

/// A position of a sequence with this target is left out of loss and metrics: PyTorch's `ignore_index`.
pub const IGNORED: i64 = -100;

/// The examples of a data set: how many, and what one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataShape {
    /// Training examples, after `limit` and the validation hold-out.
    pub train_examples: u64,
    /// Examples that are never trained on; 0 for no validation.
    pub validation_examples: u64,
    /// What a model is given, in order; at least one.
    pub inputs: Vec<InputShape>,
    /// What it is to predict.
    pub target: Target,
}

/// One input of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputShape {
    /// The keyword by which a model takes it among others; `None` for one that it takes by its place, as it takes an only one.
    pub name: Option<String>,
    /// Shape of one example's, such as `[10]` or `[1, 28, 28]` (channels first); `[]` is one number.
    pub shape: Vec<u64>,
    /// What it is given as.
    pub numbers: InputNumbers,
}

/// What a model is given an input as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InputNumbers {
    /// Numbers of the trial's precision.
    Floating,
    /// 64-bit integers, as an embedding takes them.
    Integers,
    /// True or false, as masks are.
    Flags,
}

/// The targets of a data set as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Shape of one example's target; `[]` is one number.
    pub shape: Vec<u64>,
    /// The numbers.
    pub values: TargetValues,
    /// Bytes of one number as stored.
    pub number_bytes: u64,
}

/// What the numbers of targets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetValues {
    /// Classes, in a format that knows how many there are.
    Classes(u64),
    /// Integers, which may be classes, 0/1 labels or amounts: the loss says which.
    Integers(Integers),
    /// Floating-point numbers.
    Numbers {
        /// Whether each of them is 0 or 1.
        all_0_or_1: bool,
    },
}

/// The integers of some targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integers {
    /// The least besides [`IGNORED`]; 0 where there is none.
    pub least: i64,
    /// The largest besides [`IGNORED`]; 0 where there is none.
    pub largest: i64,
    /// How many different ones there are besides [`IGNORED`].
    pub different: u64,
    /// How many are [`IGNORED`].
    pub ignored: u64,
}

impl DataShape {
    /// Numbers in one example's inputs.
    #[must_use]
    pub fn input_elements(&self) -> u64 {
        self.inputs.iter().map(InputShape::elements).sum()
    }
}

impl InputShape {
    /// The only input of a model.
    #[must_use]
    pub fn only(shape: Vec<u64>) -> Vec<Self> {
        vec![Self { name: None, shape, numbers: InputNumbers::Floating }]
    }

    /// Bytes of one example's.
    #[must_use]
    pub fn bytes(&self, precision: Precision) -> u64 {
        let number = match self.numbers {
            InputNumbers::Floating => precision.input_bytes(),
            InputNumbers::Integers => 8,
            InputNumbers::Flags => 1,
        };
        self.elements() * number
    }

    /// Numbers in one example's.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }
}

impl Target {
    /// One class for each example.
    #[must_use]
    pub fn classes(classes: u64) -> Self {
        Self { shape: Vec::new(), values: TargetValues::Classes(classes), number_bytes: 8 }
    }

    /// Numbers in one example's target.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }
}

impl Integers {
    /// Classes, if that is what they are: counted from 0, and at least two.
    #[must_use]
    pub fn classes(&self) -> u64 {
        (self.largest.max(0).unsigned_abs() + 1).max(2)
    }
}
