//! `[model]`: what is trained. The layers follow in [`crate::architecture`].

use super::{FileSource, PythonCode, Upload};

/// A model by its description.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelSpec {
    /// One `Linear` layer from the flattened input to the classes.
    Linear,
    /// `Linear` and ReLU for each hidden width, then `Linear` to the classes.
    Mlp(MlpModel),
    /// Convolutions, then hidden layers as in [`ModelSpec::Mlp`].
    Cnn(CnnModel),
    /// A residual network for small images (He et al. 2016, section 4.2).
    ResNet(ResNetModel),
    /// The user's own: a scripted or traced module, saved by `torch.jit.save`.
    TorchScript(ScriptModel),
    /// The user's own: plain PyTorch, built by a function in a Python file.
    Python(PythonCode),
}

/// `kind = "mlp"`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MlpModel {
    /// Widths of the hidden layers, in order.
    pub hidden: Vec<u64>,
    /// Share of each hidden layer's outputs set to 0 while training, in [0, 1); 0 is no dropout.
    pub dropout: f64,
}

/// `kind = "cnn"`: for each channel count a convolution that keeps height and width, its normalisation, ReLU and max
/// pooling; then flattened, and as [`MlpModel`].
#[derive(Debug, Clone, PartialEq)]
pub struct CnnModel {
    /// Output channels of the convolutions, in order.
    pub channels: Vec<u64>,
    /// Height and width of every kernel, odd.
    pub kernel: u64,
    /// Height, width and stride of the max pooling after each convolution; 1 is no pooling.
    pub pooling: u64,
    /// Widths of the hidden layers after flattening, in order.
    pub hidden: Vec<u64>,
    /// Share of each hidden layer's outputs set to 0 while training, in [0, 1); 0 is no dropout.
    pub dropout: f64,
    /// What follows each convolution.
    pub norm: Norm,
}

impl Default for CnnModel {
    fn default() -> Self {
        let (channels, hidden) = (Vec::new(), Vec::new());
        Self { channels, kernel: 3, pooling: 2, hidden, dropout: 0.0, norm: Norm::None }
    }
}

/// `kind = "resnet"`: three stages of `(depth - 2) / 6` basic blocks each, `width`, `2 width` and `4 width` channels;
/// shortcuts without parameters ("option A"). Depth 20 and width 16 on 10 classes is the paper's ResNet-20.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResNetModel {
    /// Layers with weights: 8, 14, 20, 26, 32, ... (6 n + 2).
    pub depth: u64,
    /// Channels of the first stage.
    pub width: u64,
    /// What follows each convolution.
    pub norm: Norm,
}

impl Default for ResNetModel {
    fn default() -> Self {
        Self { depth: 20, width: 16, norm: Norm::Batch }
    }
}

/// `kind = "torchscript"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptModel {
    /// A module saved by `torch.jit.save`.
    pub file: FileSource,
}

words! {
    /// What normalises the outputs of a convolution.
    Norm {
        /// Over the examples of a micro-batch (Ioffe and Szegedy 2015): accumulation is then approximate, since each
        /// micro-batch has statistics of its own.
        Batch = "batch",
        /// Within each example, over groups of channels (Wu and He 2018): does not depend on the batch.
        Group = "group",
        /// No normalisation; the convolution has a bias instead.
        None = "none",
    }
}

impl ModelSpec {
    /// The scripted module in a file on the worker.
    #[must_use]
    pub fn script(path: impl Into<String>) -> Self {
        Self::TorchScript(ScriptModel { file: FileSource::OnWorker(path.into()) })
    }

    /// The file that was sent along; `None` where none was.
    #[must_use]
    pub fn upload(&self) -> Option<&Upload> {
        match self {
            Self::TorchScript(ScriptModel { file }) | Self::Python(PythonCode { file, .. }) => file.upload(),
            Self::Linear | Self::Mlp(_) | Self::Cnn(_) | Self::ResNet(_) => None,
        }
    }

    /// Whether building it runs code that its user wrote.
    #[must_use]
    pub fn runs_code(&self) -> bool {
        match self {
            Self::TorchScript(_) | Self::Python(_) => true,
            Self::Linear | Self::Mlp(_) | Self::Cnn(_) | Self::ResNet(_) => false,
        }
    }

    /// An MLP of these widths.
    #[must_use]
    pub fn mlp(hidden: &[u64]) -> Self {
        Self::Mlp(MlpModel { hidden: hidden.to_vec(), ..MlpModel::default() })
    }

    /// A CNN of these channels and hidden widths: 3 x 3 kernels, 2 x 2 pooling, nothing else.
    #[must_use]
    pub fn cnn(channels: &[u64], hidden: &[u64]) -> Self {
        Self::Cnn(CnnModel { channels: channels.to_vec(), hidden: hidden.to_vec(), ..CnnModel::default() })
    }

    /// The word for it in the sweep file.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Mlp(_) => "mlp",
            Self::Cnn(_) => "cnn",
            Self::ResNet(_) => "resnet",
            Self::TorchScript(_) => "torchscript",
            Self::Python(_) => "python",
        }
    }
}
