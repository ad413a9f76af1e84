//! `[model]`: what is trained. The layers follow in [`crate::architecture`].

/// A model by its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSpec {
    /// One `Linear` layer from the flattened input to the classes.
    Linear,
    /// `Linear` and ReLU for each hidden width, then `Linear` to the classes.
    Mlp {
        /// Widths of the hidden layers, in order.
        hidden: Vec<u64>,
    },
    /// For each channel count a 3x3 convolution (padding 1), ReLU and 2x2 max pooling; then as [`ModelSpec::Mlp`].
    Cnn {
        /// Output channels of the convolutions, in order.
        channels: Vec<u64>,
        /// Widths of the hidden layers after flattening, in order.
        hidden: Vec<u64>,
    },
}

impl ModelSpec {
    /// The word for it in the sweep file.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Mlp { .. } => "mlp",
            Self::Cnn { .. } => "cnn",
        }
    }
}
