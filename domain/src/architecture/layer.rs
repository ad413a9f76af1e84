//! The layers that models are made of, and what each of them holds and computes.

/// One layer.
#[derive(Debug, Clone, PartialEq)]
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
    /// A 2-D convolution, padded so that at stride 1 height and width stay.
    Conv2d(Conv2d),
    /// The maximum of each square, stride as wide as the square; the ragged edge is left out.
    MaxPool2d {
        /// Height and width of the square.
        size: u64,
    },
    /// The mean over height and width: (channels, height, width) becomes (channels).
    GlobalAveragePool,
    /// Each channel normalised over the micro-batch in training, by running statistics in evaluation; momentum 0.1,
    /// epsilon 1e-5, with a scale and a shift a channel.
    BatchNorm2d {
        /// How many channels come in and go out.
        channels: u64,
    },
    /// Each example normalised over groups of channels; epsilon 1e-5, with a scale and a shift a channel.
    GroupNorm {
        /// Groups; they divide the channels.
        groups: u64,
        /// How many channels come in and go out.
        channels: u64,
    },
    /// In training each number is set to 0 with this probability, and the others are scaled up to make up for it.
    Dropout {
        /// The share of numbers set to 0, in [0, 1).
        probability: f64,
    },
    /// `body(x) + shortcut(x)`.
    Residual {
        /// What is learnt.
        body: Vec<Layer>,
        /// What goes past it.
        shortcut: Shortcut,
    },
}

/// A 2-D convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Channels in.
    pub inputs: u64,
    /// Channels out.
    pub outputs: u64,
    /// Height and width of the kernel, odd.
    pub kernel: u64,
    /// Pixels between two outputs.
    pub stride: u64,
    /// Whether a number is added to each channel. Superfluous before a normalisation.
    pub bias: bool,
}

/// The way past the body of a [`Layer::Residual`], without parameters: every `stride`-th pixel, and channels of zeros
/// added on both sides ("option A" of He et al. 2016).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortcut {
    /// Pixels between two outputs.
    pub stride: u64,
    /// Channels of zeros before, and as many after.
    pub padding: u64,
}

impl Layer {
    /// Elements that are trained.
    #[must_use]
    pub fn parameter_elements(&self) -> u64 {
        match self {
            Self::Linear { inputs, outputs } => inputs * outputs + outputs,
            Self::Conv2d(conv) => {
                let bias = if conv.bias { conv.outputs } else { 0 };
                conv.inputs * conv.outputs * conv.kernel * conv.kernel + bias
            }
            Self::BatchNorm2d { channels } | Self::GroupNorm { channels, .. } => 2 * channels,
            Self::Residual { body, .. } => body.iter().map(Self::parameter_elements).sum(),
            Self::Flatten
            | Self::Relu
            | Self::MaxPool2d { .. }
            | Self::GlobalAveragePool
            | Self::Dropout { .. } => 0,
        }
    }

    /// Elements that are kept but not trained: running means and variances.
    #[must_use]
    pub fn buffer_elements(&self) -> u64 {
        match self {
            Self::BatchNorm2d { channels } => 2 * channels,
            Self::Residual { body, .. } => body.iter().map(Self::buffer_elements).sum(),
            _ => 0,
        }
    }

    /// Whether a batch normalisation in it sees one pixel for each channel: of one example that is one value, which has no
    /// variance. `shape` is the example's, and becomes that of the output.
    pub(super) fn normalises_one_pixel(&self, shape: &mut Vec<u64>) -> bool {
        let found = match self {
            Self::BatchNorm2d { .. } => shape.iter().skip(1).product::<u64>() == 1,
            Self::Residual { body, .. } => {
                let mut inner = shape.clone();
                body.iter().any(|layer| layer.normalises_one_pixel(&mut inner))
            }
            _ => false,
        };
        self.multiply_adds(shape);
        found
    }

    /// Multiply-adds of one example's forward; `shape` is the example's, and becomes that of the output.
    pub(super) fn multiply_adds(&self, shape: &mut Vec<u64>) -> u64 {
        match self {
            Self::Linear { inputs, outputs } => {
                *shape = vec![*outputs];
                inputs * outputs
            }
            Self::Conv2d(conv) => {
                let pixels = shape.iter_mut().skip(1).fold(1, |pixels, side| {
                    *side = side.div_ceil(conv.stride);
                    pixels * *side
                });
                if let Some(channels) = shape.first_mut() {
                    *channels = conv.outputs;
                }
                conv.inputs * conv.outputs * conv.kernel * conv.kernel * pixels
            }
            Self::MaxPool2d { size } => {
                shape.iter_mut().skip(1).for_each(|side| *side /= size);
                0
            }
            Self::Flatten => {
                *shape = vec![shape.iter().product()];
                0
            }
            Self::GlobalAveragePool => {
                shape.truncate(1);
                0
            }
            Self::Residual { body, .. } => body.iter().map(|layer| layer.multiply_adds(shape)).sum(),
            Self::Relu | Self::BatchNorm2d { .. } | Self::GroupNorm { .. } | Self::Dropout { .. } => 0,
        }
    }

    /// Why the gradient of an accumulated batch is not the whole batch's; `None` where it is, up to rounding.
    #[must_use]
    pub fn inexact_when_split(&self) -> Option<Inexact> {
        match self {
            Self::BatchNorm2d { .. } => Some(Inexact::BatchStatistics),
            Self::Dropout { .. } => Some(Inexact::RandomMasks),
            Self::Residual { body, .. } => body.iter().find_map(Self::inexact_when_split),
            _ => None,
        }
    }
}

/// Why accumulation does not give the whole batch's gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inexact {
    /// Examples are normalised by the statistics of their micro-batch.
    BatchStatistics,
    /// Random masks are drawn per micro-batch: equal in law, not number by number.
    RandomMasks,
    /// The module's own code is not looked into.
    OwnCode,
}

impl Inexact {
    /// In words, after "accumulation is approximate: ".
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::BatchStatistics => "batch normalisation takes its statistics from each micro-batch",
            Self::RandomMasks => "dropout draws its masks for each micro-batch, equal in law only",
            Self::OwnCode => "the module's training mode changes its buffers or draws random numbers",
        }
    }
}

/// Groups of [`Layer::GroupNorm`]: the largest divisor of the channels that is at most 32, the paper's number, and
/// leaves at least two channels to a group where there are two.
#[must_use]
pub(super) fn groups(channels: u64) -> u64 {
    let most = 32.min(channels / 2).max(1);
    (1..=most).rev().find(|groups| channels.is_multiple_of(*groups)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_divide_the_channels_and_hold_at_least_two() {
        let cases =
            [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8), (32, 16), (64, 32), (48, 24), (67, 1), (256, 32)];
        for (channels, expected) in cases {
            assert_eq!(groups(channels), expected, "{channels} channels");
        }
    }

    #[test]
    fn a_residual_block_counts_what_is_in_it() {
        let conv = |inputs, outputs, stride| {
            Layer::Conv2d(Conv2d { inputs, outputs, kernel: 3, stride, bias: false })
        };
        let block = Layer::Residual {
            body: vec![conv(4, 8, 2), Layer::BatchNorm2d { channels: 8 }, Layer::Relu, conv(8, 8, 1)],
            shortcut: Shortcut { stride: 2, padding: 2 },
        };
        assert_eq!(block.parameter_elements(), 4 * 8 * 9 + 16 + 8 * 8 * 9);
        assert_eq!(block.buffer_elements(), 16);
        assert_eq!(block.inexact_when_split(), Some(Inexact::BatchStatistics));
        let mut shape = vec![4, 7, 6];
        assert_eq!(block.multiply_adds(&mut shape), (4 * 8 * 9 + 8 * 8 * 9) * 4 * 3);
        assert_eq!(shape, [8, 4, 3]);
    }
}
