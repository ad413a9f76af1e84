//! From a model's description and the data's shape to its layers. The trainer builds what stands here, so the
//! parameter count is known before anything runs.

mod layer;

pub use layer::{Conv2d, Inexact, Layer, Shortcut};

use crate::problem::{DataShape, Task};
use crate::spec::{CnnModel, MlpModel, ModelSpec, Norm, ResNetModel};

/// A model that the data does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchitectureError {
    /// A convolution needs (channels, height, width).
    #[error(
        "model kind \"{kind}\" needs examples of shape [channels, height, width], but these have shape {features:?}; \
         use \"mlp\" or \"linear\""
    )]
    NotAnImage {
        /// The kind of the model.
        kind: &'static str,
        /// The shape of an example.
        features: Vec<u64>,
    },
    /// Pooling left nothing.
    #[error(
        "{convolutions} convolutions, each followed by {pooling} x {pooling} pooling, leave nothing of \
         {height} x {width} pixels; use fewer `channels` or less `pooling`"
    )]
    TooDeep {
        /// How many were asked for.
        convolutions: usize,
        /// Side of the square that is pooled.
        pooling: u64,
        /// Rows of the image.
        height: u64,
        /// Columns of the image.
        width: u64,
    },
    /// A built-in model takes one tensor.
    #[error(
        "model kind \"{kind}\" takes one input, and this data has {inputs}; use a model of your own, kind \"python\""
    )]
    SeveralInputs {
        /// The kind of the model.
        kind: &'static str,
        /// How many there are.
        inputs: usize,
    },
    /// A built-in model gives one row of numbers for an example.
    #[error(
        "model kind \"{kind}\" predicts one class or some numbers for an example, and a {task} task wants something else; use a \
         model of your own, kind \"python\""
    )]
    OtherTask {
        /// The kind of the model.
        kind: &'static str,
        /// The word for the task.
        task: &'static str,
    },
}

/// The layers of a model for a task on data of this shape, first to last. `None` for a module that brings its own: what is
/// in it only a worker knows.
///
/// # Errors
/// [`ArchitectureError`] when a built-in model does not suit the data or the task, as a convolution that finds no image.
pub fn layers(
    model: &ModelSpec,
    data: &DataShape,
    task: &Task,
) -> Result<Option<Vec<Layer>>, ArchitectureError> {
    if model.runs_code() {
        return Ok(None);
    }
    let kind = model.kind();
    let [input] = &data.inputs[..] else {
        return Err(ArchitectureError::SeveralInputs { kind, inputs: data.inputs.len() });
    };
    let outputs = task.outputs().ok_or(ArchitectureError::OtherTask { kind, task: task.word() })?;
    let image = || {
        <[u64; 3]>::try_from(&input.shape[..])
            .map_err(|_| ArchitectureError::NotAnImage { kind, features: input.shape.clone() })
    };
    let mut layers = Vec::new();
    match model {
        ModelSpec::Linear => head(input.elements(), &MlpModel::default(), outputs, &mut layers),
        ModelSpec::Mlp(mlp) => head(input.elements(), mlp, outputs, &mut layers),
        ModelSpec::Cnn(cnn) => {
            let width = convolutions(cnn, image()?, &mut layers)?;
            let mlp = MlpModel { hidden: cnn.hidden.clone(), dropout: cnn.dropout };
            head(width, &mlp, outputs, &mut layers);
        }
        ModelSpec::ResNet(resnet) => {
            let [channels, ..] = image()?;
            residual_network(resnet, channels, outputs, &mut layers);
        }
        ModelSpec::TorchScript(_) | ModelSpec::Python(_) => return Ok(None),
    }
    Ok(Some(layers))
}

/// Flattens, and goes through the hidden layers to the outputs.
fn head(mut width: u64, mlp: &MlpModel, outputs: u64, layers: &mut Vec<Layer>) {
    layers.push(Layer::Flatten);
    for &hidden in &mlp.hidden {
        layers.extend([Layer::Linear { inputs: width, outputs: hidden }, Layer::Relu]);
        if mlp.dropout > 0.0 {
            layers.push(Layer::Dropout { probability: mlp.dropout });
        }
        width = hidden;
    }
    layers.push(Layer::Linear { inputs: width, outputs });
}

/// Adds the convolutions and gives the numbers left after them.
fn convolutions(
    cnn: &CnnModel,
    [mut inputs, height, width]: [u64; 3],
    layers: &mut Vec<Layer>,
) -> Result<u64, ArchitectureError> {
    let CnnModel { kernel, pooling, .. } = *cnn;
    let (mut rows, mut columns) = (height, width);
    for &outputs in &cnn.channels {
        let bias = has_bias(cnn.norm);
        layers.push(Layer::Conv2d(Conv2d { inputs, outputs, kernel, stride: 1, bias }));
        layers.extend(normalization(cnn.norm, outputs));
        layers.push(Layer::Relu);
        if pooling > 1 {
            layers.push(Layer::MaxPool2d { size: pooling });
        }
        (inputs, rows, columns) = (outputs, rows / pooling, columns / pooling);
        if rows == 0 || columns == 0 {
            let convolutions = cnn.channels.len();
            return Err(ArchitectureError::TooDeep { convolutions, pooling, height, width });
        }
    }
    Ok(inputs * rows * columns)
}

/// He et al. 2016, section 4.2: one convolution, three stages of basic blocks, the last two of which begin by halving
/// the image and doubling the channels, the mean over all pixels, and one linear layer.
fn residual_network(resnet: &ResNetModel, channels: u64, classes: u64, layers: &mut Vec<Layer>) {
    let ResNetModel { depth, width, norm } = *resnet;
    let convolution = |inputs, outputs, stride| {
        let conv = Conv2d { inputs, outputs, kernel: 3, stride, bias: has_bias(norm) };
        std::iter::once(Layer::Conv2d(conv)).chain(normalization(norm, outputs))
    };
    layers.extend(convolution(channels, width, 1));
    layers.push(Layer::Relu);
    let mut inputs = width;
    for outputs in [width, 2 * width, 4 * width] {
        for _ in 0..(depth - 2) / 6 {
            let stride = if outputs == inputs { 1 } else { 2 };
            let mut body: Vec<_> = convolution(inputs, outputs, stride).collect();
            body.push(Layer::Relu);
            body.extend(convolution(outputs, outputs, 1));
            let shortcut = Shortcut { stride, padding: (outputs - inputs) / 2 };
            layers.extend([Layer::Residual { body, shortcut }, Layer::Relu]);
            inputs = outputs;
        }
    }
    layers.extend([Layer::GlobalAveragePool, Layer::Linear { inputs, outputs: classes }]);
}

/// A normalisation has a shift of its own, and takes that of a convolution before it out again.
fn has_bias(norm: Norm) -> bool {
    norm == Norm::None
}

fn normalization(norm: Norm, channels: u64) -> Option<Layer> {
    match norm {
        Norm::None => None,
        Norm::Batch => Some(Layer::BatchNorm2d { channels }),
        Norm::Group => Some(Layer::GroupNorm { groups: layer::groups(channels), channels }),
    }
}

/// How many numbers are trained.
#[must_use]
pub fn parameter_elements(layers: &[Layer]) -> u64 {
    layers.iter().map(Layer::parameter_elements).sum()
}

/// How many numbers are kept besides and not trained, such as running statistics.
#[must_use]
pub fn buffer_elements(layers: &[Layer]) -> u64 {
    layers.iter().map(Layer::buffer_elements).sum()
}

/// Multiply-adds of one example's forward, for inputs of shape `features`.
#[must_use]
pub fn multiply_adds(layers: &[Layer], features: &[u64]) -> u64 {
    let mut shape = features.to_vec();
    layers.iter().map(|layer| layer.multiply_adds(&mut shape)).fold(0, u64::saturating_add)
}

/// Whether a batch normalisation sees one pixel for each channel of an example of this shape. In a micro-batch of one example
/// it then has one value for each channel, whose variance is not defined; PyTorch refuses to train on it.
#[must_use]
pub fn normalises_one_pixel(layers: &[Layer], features: &[u64]) -> bool {
    let mut shape = features.to_vec();
    layers.iter().any(|layer| layer.normalises_one_pixel(&mut shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{InputShape, Target};

    fn of(features: &[u64], classes: u64) -> DataShape {
        DataShape {
            train_examples: 100,
            validation_examples: 0,
            inputs: InputShape::only(features.to_vec()),
            target: Target::classes(classes),
        }
    }

    fn images() -> DataShape {
        of(&[1, 28, 28], 10)
    }

    fn layers(model: &ModelSpec, data: &DataShape) -> Result<Option<Vec<Layer>>, ArchitectureError> {
        let task = Task::new(&data.target, &crate::spec::TrainSpec::default()).unwrap();
        super::layers(model, data, &task)
    }

    fn built(model: &ModelSpec, data: &DataShape) -> Vec<Layer> {
        layers(model, data).unwrap().unwrap()
    }

    #[test]
    fn the_seed_example_has_22_parameters() {
        let data = of(&[10], 2);
        assert_eq!(parameter_elements(&built(&ModelSpec::Linear, &data)), 22);
    }

    #[test]
    fn an_mlp_has_a_relu_between_its_layers() {
        let layers = built(&ModelSpec::mlp(&[64]), &images());
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
    fn dropout_follows_each_hidden_layer() {
        let model = ModelSpec::Mlp(MlpModel { hidden: vec![64, 32], dropout: 0.4 });
        let layers = built(&model, &images());
        assert_eq!(layers.iter().filter(|layer| matches!(layer, Layer::Dropout { .. })).count(), 2);
        assert_eq!(layers.last(), Some(&Layer::Linear { inputs: 32, outputs: 10 }));
        assert_eq!(layers.iter().find_map(Layer::inexact_when_split), Some(Inexact::RandomMasks));
    }

    #[test]
    fn a_cnn_halves_the_image_at_each_convolution() {
        let layers = built(&ModelSpec::cnn(&[16, 32], &[64]), &images());
        assert!(layers.contains(&Layer::Linear { inputs: 32 * 7 * 7, outputs: 64 }));
    }

    #[test]
    fn the_cnn_of_shallue_2019_has_3_274_634_parameters() {
        // Convolutions 5x5x32 and 5x5x64, each with 2x2 pooling, 1024 hidden with dropout 0.4.
        let cnn = CnnModel {
            channels: vec![32, 64],
            kernel: 5,
            hidden: vec![1024],
            dropout: 0.4,
            ..CnnModel::default()
        };
        assert_eq!(parameter_elements(&built(&ModelSpec::Cnn(cnn), &images())), 3_274_634);
    }

    #[test]
    fn residual_networks_have_the_papers_parameter_counts() {
        let data = of(&[3, 32, 32], 10);
        // He et al. 2016, table 6, in millions; all digits as counted for the same networks in PyTorch.
        for (depth, expected) in
            [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)]
        {
            let layers = built(&ModelSpec::ResNet(ResNetModel { depth, ..ResNetModel::default() }), &data);
            assert_eq!(parameter_elements(&layers), expected, "depth {depth}");
        }
        let layers = built(&ModelSpec::ResNet(ResNetModel::default()), &data);
        // 41 million multiply-adds, as the literature has it for ResNet-20.
        assert_eq!(multiply_adds(&layers, &data.inputs[0].shape), 40_551_040);
    }

    #[test]
    fn convolutions_refuse_flat_data_and_tiny_images() {
        let model = ModelSpec::cnn(&[8; 5], &[]);
        let flat = of(&[10], 10);
        assert!(matches!(layers(&model, &flat), Err(ArchitectureError::NotAnImage { kind: "cnn", .. })));
        assert!(matches!(layers(&model, &images()), Err(ArchitectureError::TooDeep { convolutions: 5, .. })));
        let resnet = ModelSpec::ResNet(ResNetModel::default());
        assert!(matches!(layers(&resnet, &flat), Err(ArchitectureError::NotAnImage { kind: "resnet", .. })));
    }

    #[test]
    fn a_convolutions_work_is_counted_at_every_pixel() {
        let data = of(&[3, 8, 8], 2);
        let expected = 3 * 4 * 9 * 64 + 4 * 8 * 9 * 16 + 8 * 4 * 2;
        assert_eq!(
            multiply_adds(&built(&ModelSpec::cnn(&[4, 8], &[]), &data), &data.inputs[0].shape),
            expected
        );
    }

    #[test]
    fn what_is_in_a_users_module_is_not_known_here() {
        let model = ModelSpec::script("net.pt");
        assert_eq!(layers(&model, &images()), Ok(None));
    }

    #[test]
    fn a_regression_has_an_output_for_each_number() {
        let task = Task::Regression { shape: vec![2, 3] };
        let layers = super::layers(&ModelSpec::Linear, &of(&[10], 2), &task).unwrap().unwrap();
        assert_eq!(layers.last(), Some(&Layer::Linear { inputs: 10, outputs: 6 }));
    }

    #[test]
    fn built_in_models_refuse_what_takes_a_model_of_ones_own() {
        let sequence = Task::Sequence { positions: vec![5], classes: 3 };
        let refused = super::layers(&ModelSpec::Linear, &of(&[10], 2), &sequence);
        assert_eq!(refused, Err(ArchitectureError::OtherTask { kind: "linear", task: "sequence" }));
        let two = DataShape { inputs: [&images().inputs[..], &images().inputs[..]].concat(), ..images() };
        let refused = layers(&ModelSpec::Linear, &two);
        assert_eq!(refused, Err(ArchitectureError::SeveralInputs { kind: "linear", inputs: 2 }));
    }
}
