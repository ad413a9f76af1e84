//! Linear layers with a ReLU between every two, forward and backward in one call.

use std::ptr;

use tch::Tensor;

use super::error::{TorchError, check};
use super::ffi;
use super::optimizer::TensorList;

/// A loss of outputs against one class for each example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassLoss {
    /// Of the softmax.
    CrossEntropy,
    /// Against the one-hot class.
    SquaredError,
}

/// The loss summed over the examples; its gradient times `scale`, a scalar tensor beside it, is added to those of the
/// parameters. Bit for bit what autograd gives, without its graph.
///
/// `parameters` are weight (outputs, inputs) and bias (outputs) of each layer in turn, `inputs` is (examples, ...),
/// `targets` (examples) of int64 classes.
///
/// # Errors
/// [`TorchError`], such as when memory runs out; some gradients may then have been added and others not.
pub fn backward(
    parameters: &TensorList,
    inputs: &Tensor,
    targets: &Tensor,
    loss: ClassLoss,
    scale: &Tensor,
) -> Result<Tensor, TorchError> {
    let loss = match loss {
        ClassLoss::CrossEntropy => ffi::CROSS_ENTROPY,
        ClassLoss::SquaredError => ffi::SQUARED_ERROR,
    };
    let mut sum = ptr::null_mut();
    // SAFETY: all tensors are live, `handles` are two for each layer; the handle that comes back is ours to free, which
    // `Tensor` does.
    unsafe {
        check(ffi::bs_chain_backward(
            parameters.handles(),
            parameters.len() / 2,
            inputs.as_ptr(),
            targets.as_ptr(),
            loss,
            scale.as_ptr(),
            &raw mut sum,
        ))?;
        Ok(Tensor::from_ptr(sum))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::{Device, Kind, Reduction};

    use super::*;
    use crate::shim::optimizer::clear_gradients;
    use crate::shim::step;
    use crate::trainer::exclusive;

    fn chain(widths: &[i64], kind: Kind) -> TensorList {
        let parameters = widths.windows(2).flat_map(|pair| [vec![pair[1], pair[0]], vec![pair[1]]]);
        let parameters = parameters.map(|size| Tensor::randn(&size, (kind, Device::Cpu)) * 0.3);
        TensorList::new(parameters.map(|parameter| parameter.set_requires_grad(true)).collect())
    }

    /// What the graph of the same operations gives.
    fn by_autograd(parameters: &TensorList, inputs: &Tensor, targets: &Tensor, loss: ClassLoss) -> Tensor {
        let classes = parameters.as_slice().last().unwrap().size()[0];
        let layers = parameters.as_slice().chunks(2);
        let last = layers.len() - 1;
        let outputs = layers.enumerate().fold(inputs.flatten(1, -1), |value, (place, layer)| {
            let value = value.linear(&layer[0], Some(&layer[1]));
            if place < last { value.relu() } else { value }
        });
        match loss {
            ClassLoss::CrossEntropy => {
                outputs.cross_entropy_loss::<&Tensor>(targets, None, Reduction::Sum, -100, 0.0)
            }
            ClassLoss::SquaredError => {
                outputs.mse_loss(&targets.one_hot(classes).to_kind(outputs.kind()), Reduction::Sum)
            }
        }
    }

    fn taken_gradients(parameters: &TensorList) -> Vec<Tensor> {
        let gradients = parameters.as_slice().iter().map(|parameter| parameter.grad().copy()).collect();
        clear_gradients(parameters).unwrap();
        gradients
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn loss_and_gradients_are_those_of_autograd_bit_for_bit(
            examples in 1i64..40, side in 1i64..6, hidden in proptest::collection::vec(1i64..70, 0..4),
            classes in 1i64..11, double: bool, mse: bool, as_images: bool, seed in 0i64..1000,
        ) {
            let _exclusive = exclusive();
            tch::manual_seed(seed);
            let kind = if double { Kind::Double } else { Kind::Float };
            let loss = if mse { ClassLoss::SquaredError } else { ClassLoss::CrossEntropy };
            let widths: Vec<i64> = [side * side].into_iter().chain(hidden).chain([classes]).collect();
            let parameters = chain(&widths, kind);
            let features: &[i64] = if as_images { &[1, side, side] } else { &[side * side] };
            let size: Vec<i64> = [2 * examples].iter().chain(features).copied().collect();
            let inputs = Tensor::randn(&size, (kind, Device::Cpu));
            let targets = Tensor::randint(classes, [2 * examples], (Kind::Int64, Device::Cpu));
            let scale = Tensor::from(1.0 / (2 * examples) as f64).to_kind(kind);

            // Two micro-batches: the second one's gradients are added to the first one's.
            let halves = [0, examples].map(|start| {
                (inputs.narrow(0, start, examples), targets.narrow(0, start, examples))
            });
            let expected_losses = halves.each_ref().map(|(inputs, targets)| {
                let loss = by_autograd(&parameters, inputs, targets, loss);
                step::backward(&loss, &scale).unwrap();
                loss.double_value(&[])
            });
            let expected = taken_gradients(&parameters);
            let losses = halves.each_ref().map(|(inputs, targets)| {
                backward(&parameters, inputs, targets, loss, &scale).unwrap().double_value(&[])
            });
            let gradients = taken_gradients(&parameters);

            prop_assert_eq!(losses, expected_losses);
            for (gradient, expected) in gradients.iter().zip(&expected) {
                prop_assert_eq!(gradient.size(), expected.size());
                prop_assert!(gradient.equal(expected), "{} and {}", gradient, expected);
            }
        }
    }
}
