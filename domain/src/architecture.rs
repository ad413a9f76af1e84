//! From a model's description and the data's shape to its layers. The trainer builds what stands here, so the
//! parameter count is known before anything runs.

use crate::spec::ModelSpec;

/// What a worker found when it opened the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataShape {
    /// Training examples, after `limit` and the validation hold-out.
    pub train_examples: u64,
    /// Validation examples.
    pub validation_examples: u64,
    /// Shape of one example's input, such as `[10]` or `[1, 28, 28]` (channels first).
    pub features: Vec<u64>,
    /// Classes of the labels.
    pub classes: u64,
}

impl DataShape {
    /// Numbers in one example's input.
    #[must_use]
    pub fn feature_elements(&self) -> u64 {
        self.features.iter().product()
    }
}

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// All but the batch dimension become one.
    Flatten,
    /// `y = x W^T + b`.
    Linear {
        /// Numbers in.
        inputs: u64,
        /// Numbers out.
        outputs: u64,
    },
    /// `max(x, 0)`.
    Relu,
    /// A 2-D convolution with bias, stride 1, padded so that height and width stay.
    Conv2d {
        /// Channels in.
        inputs: u64,
        /// Channels out.
        outputs: u64,
        /// Height and width of the kernel, odd.
        kernel: u64,
    },
    /// The maximum of each square, stride as wide as the square; the ragged edge is left out.
    MaxPool2d {
        /// Height and width of the square.
        size: u64,
    },
}

impl Layer {
    /// Elements of weight and bias.
    #[must_use]
    pub fn parameter_elements(self) -> u64 {
        match self {
            Self::Linear { inputs, outputs } => inputs * outputs + outputs,
            Self::Conv2d { inputs, outputs, kernel } => inputs * outputs * kernel * kernel + outputs,
            Self::Flatten | Self::Relu | Self::MaxPool2d { .. } => 0,
        }
    }
}

/// A model that the data does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchitectureError {
    /// A convolution needs (channels, height, width).
    #[error(
        "model kind \"cnn\" needs examples of shape [channels, height, width], but these have shape {0:?}; \
         use \"mlp\" or \"linear\""
    )]
    NotAnImage(Vec<u64>),
    /// Pooling left nothing.
    #[error(
        "{convolutions} convolutions, each halving the image, leave nothing of {height} x {width} pixels; use fewer `channels`"
    )]
    TooDeep {
        /// How many were asked for.
        convolutions: usize,
        /// Rows of the image.
        height: u64,
        /// Columns of the image.
        width: u64,
    },
}

/// The layers of a model on data of this shape, first to last.
///
/// # Errors
/// [`ArchitectureError`] when a convolution finds no image, or too small a one.
pub fn layers(model: &ModelSpec, data: &DataShape) -> Result<Vec<Layer>, ArchitectureError> {
    let mut layers = Vec::new();
    let mut width = data.feature_elements();
    let hidden: &[u64] = match model {
        ModelSpec::Linear => &[],
        ModelSpec::Mlp { hidden } => hidden,
        ModelSpec::Cnn { channels, hidden } => {
            width = convolutions(channels, &data.features, &mut layers)?;
            hidden
        }
    };
    layers.push(Layer::Flatten);
    for &outputs in hidden {
        layers.extend([Layer::Linear { inputs: width, outputs }, Layer::Relu]);
        width = outputs;
    }
    layers.push(Layer::Linear { inputs: width, outputs: data.classes });
    Ok(layers)
}

/// Adds the convolutions and gives the numbers left after them.
fn convolutions(
    channels: &[u64],
    features: &[u64],
    layers: &mut Vec<Layer>,
) -> Result<u64, ArchitectureError> {
    let &[mut inputs, height, width] = features else {
        return Err(ArchitectureError::NotAnImage(features.to_vec()));
    };
    let (mut rows, mut columns) = (height, width);
    for &outputs in channels {
        layers.extend([
            Layer::Conv2d { inputs, outputs, kernel: 3 },
            Layer::Relu,
            Layer::MaxPool2d { size: 2 },
        ]);
        (inputs, rows, columns) = (outputs, rows / 2, columns / 2);
        if rows == 0 || columns == 0 {
            return Err(ArchitectureError::TooDeep { convolutions: channels.len(), height, width });
        }
    }
    Ok(inputs * rows * columns)
}

/// Elements of all parameters.
#[must_use]
pub fn parameter_elements(layers: &[Layer]) -> u64 {
    layers.iter().map(|layer| layer.parameter_elements()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> DataShape {
        DataShape { train_examples: 100, validation_examples: 0, features: vec![1, 28, 28], classes: 10 }
    }

    #[test]
    fn the_seed_example_has_22_parameters() {
        let data = DataShape { features: vec![10], classes: 2, ..images() };
        assert_eq!(parameter_elements(&layers(&ModelSpec::Linear, &data).unwrap()), 22);
    }

    #[test]
    fn an_mlp_has_a_relu_between_its_layers() {
        let layers = layers(&ModelSpec::Mlp { hidden: vec![64] }, &images()).unwrap();
        assert_eq!(
            layers,
            [
                Layer::Flatten,
                Layer::Linear { inputs: 784, outputs: 64 },
                Layer::Relu,
                Layer::Linear { inputs: 64, outputs: 10 },
            ]
        );
        assert_eq!(parameter_elements(&layers), 50_890);
    }

    #[test]
    fn a_cnn_halves_the_image_at_each_convolution() {
        let model = ModelSpec::Cnn { channels: vec![16, 32], hidden: vec![64] };
        let layers = layers(&model, &images()).unwrap();
        assert!(layers.contains(&Layer::Linear { inputs: 32 * 7 * 7, outputs: 64 }));
    }

    #[test]
    fn a_cnn_refuses_flat_data_and_tiny_images() {
        let model = ModelSpec::Cnn { channels: vec![8; 5], hidden: vec![] };
        let flat = DataShape { features: vec![10], ..images() };
        assert!(matches!(layers(&model, &flat), Err(ArchitectureError::NotAnImage(_))));
        assert!(matches!(layers(&model, &images()), Err(ArchitectureError::TooDeep { convolutions: 5, .. })));
    }
}
