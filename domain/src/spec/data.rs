//! `[data]`: where the examples come from.

use super::{FileSource, PythonCode, Upload};

/// The examples of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSpec {
    /// The format and what belongs to it.
    pub source: DataSource,
    /// Hold out the last N training examples for validation; 0 holds out none.
    pub validation: u64,
    /// Use only the first N training examples (before the hold-out is taken off their end).
    pub limit: Option<u64>,
    /// What is done to the inputs before the model sees them.
    pub normalize: Normalize,
}

impl DataSpec {
    /// What the target is called.
    #[must_use]
    pub fn target_name(&self) -> &str {
        match &self.source {
            DataSource::Safetensors(arrays) | DataSource::Npz(arrays) => {
                arrays.target.as_deref().unwrap_or("y")
            }
            _ => "y",
        }
    }
}

/// The format of the examples.
#[derive(Debug, Clone, PartialEq)]
pub enum DataSource {
    /// Made from a seed, on the worker.
    Synthetic(SyntheticData),
    /// MNIST's IDX files, plain or gzipped, under their torchvision names.
    Idx(IdxData),
    /// CIFAR-10 in its binary version: 3 x 32 x 32 colour images of 10 classes.
    Cifar10(CifarData),
    /// CIFAR-100 in its binary version, with its 100 fine classes.
    Cifar100(CifarData),
    /// A file of named tensors.
    Safetensors(ArrayData),
    /// NumPy's arrays: an `.npz` file, or a folder of `.npy` files.
    Npz(ArrayData),
    /// The user's own: map-style data sets that a function in a Python file gives.
    Python(PythonCode),
}

impl DataSource {
    /// The word for it in the sweep file.
    #[must_use]
    pub fn format(&self) -> &'static str {
        match self {
            Self::Synthetic(_) => "synthetic",
            Self::Idx(_) => "idx",
            Self::Cifar10(_) => "cifar10",
            Self::Cifar100(_) => "cifar100",
            Self::Safetensors(_) => "safetensors",
            Self::Npz(_) => "npz",
            Self::Python(_) => "python",
        }
    }

    /// Whether reading it runs code that its user wrote.
    #[must_use]
    pub fn runs_code(&self) -> bool {
        matches!(self, Self::Python(_))
    }

    /// The file or folder on the worker; `None` where the examples are made, or were sent along.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Synthetic(_) => None,
            Self::Idx(IdxData { path })
            | Self::Cifar10(CifarData { path })
            | Self::Cifar100(CifarData { path }) => Some(path),
            Self::Safetensors(ArrayData { file, .. })
            | Self::Npz(ArrayData { file, .. })
            | Self::Python(PythonCode { file, .. }) => file.path(),
        }
    }

    /// The file that was sent along; `None` where none was.
    #[must_use]
    pub fn upload(&self) -> Option<&Upload> {
        match self {
            Self::Safetensors(ArrayData { file, .. })
            | Self::Npz(ArrayData { file, .. })
            | Self::Python(PythonCode { file, .. }) => file.upload(),
            Self::Synthetic(_) | Self::Idx(_) | Self::Cifar10(_) | Self::Cifar100(_) => None,
        }
    }

    /// Whether its targets are classes, whatever is in it.
    #[must_use]
    pub fn has_classes(&self) -> bool {
        match self {
            Self::Synthetic(_) | Self::Idx(_) | Self::Cifar10(_) | Self::Cifar100(_) => true,
            Self::Safetensors(_) | Self::Npz(_) | Self::Python(_) => false,
        }
    }

    /// Whether it may bring validation examples of its own, which only a worker sees.
    #[must_use]
    pub fn may_have_validation(&self) -> bool {
        match self {
            Self::Safetensors(_) | Self::Npz(_) | Self::Python(_) => true,
            Self::Synthetic(_) | Self::Idx(_) | Self::Cifar10(_) | Self::Cifar100(_) => false,
        }
    }
}

/// `format = "synthetic"`: inputs are standard normal.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticData {
    /// How many training examples.
    pub examples: u64,
    /// The shape of one example's input, such as `[10]` or `[1, 28, 28]`.
    pub features: Vec<u64>,
    /// How many classes the labels have.
    pub classes: u64,
    /// How the labels come about.
    pub labels: Labels,
    /// The seed of the data; without it, each trial's own seed, so that repeats differ in data too.
    pub seed: Option<u64>,
}

words! {
    /// How synthetic labels come about.
    Labels {
        /// Uniform and independent of the inputs: pure noise, nothing to learn but the marginals.
        Random = "random",
        /// The most likely class of a fixed random teacher network: something to learn.
        Teacher = "teacher",
    }
}

/// `format = "idx"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdxData {
    /// The folder on the worker.
    pub path: String,
}

/// `format = "cifar10"` and `"cifar100"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CifarData {
    /// The folder on the worker.
    pub path: String,
}

/// `format = "safetensors"` and `"npz"`: named arrays, one example a row. Training examples are in the arrays `train_` and the
/// name of an input or of the target, validation examples, where there are any, in `validation_` and the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayData {
    /// The file, or for `.npy` files their folder.
    pub file: FileSource,
    /// Names of the inputs, in the order in which a model takes them. One is given by its place, several by their names;
    /// none is `x`.
    pub inputs: Vec<String>,
    /// Name of the target; `None` is `y`.
    pub target: Option<String>,
}

impl ArrayData {
    /// Arrays `train_x`, `train_y` and, if wanted, `validation_x`, `validation_y`.
    #[must_use]
    pub fn of(file: FileSource) -> Self {
        Self { file, inputs: Vec::new(), target: None }
    }
}

words! {
    /// What is done to the inputs before the model sees them.
    Normalize {
        /// Bytes are divided by 255, floats are left as they are.
        Unit = "unit",
        /// Shifted and scaled to mean 0 and standard deviation 1, with the training set's own statistics (one mean
        /// and one deviation a channel).
        Standard = "standard",
        /// Left as they are, apart from the conversion to the trial's precision.
        None = "none",
    }
}
