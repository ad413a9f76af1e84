//! What libtorch's libraries take for good when a process first computes: workspaces of cuBLAS, for the thread that
//! computes and for the one that autograd computes on. They would count as the first trial's own, so they come before it.

use tch::{Device, Kind, Tensor};

use crate::shim::step::{Autocast, backward};
use crate::shim::{TorchError, device_memory};

/// Forward and backward of a convolution and a linear layer, in each precision that trials compute in.
///
/// # Errors
/// [`TorchError`], such as when the device has no room even for that.
pub fn warm_up(device: Device) -> Result<(), TorchError> {
    for (kind, autocast) in [(Kind::Double, false), (Kind::Float, false), (Kind::Float, true)] {
        compute_once((kind, device), autocast)?;
    }
    device_memory::empty_cache()
}

fn compute_once((kind, device): (Kind, Device), autocast: bool) -> Result<(), TorchError> {
    let zeros = |size: &[i64]| Tensor::f_zeros(size, (kind, device));
    let parameter = |size: &[i64]| zeros(size)?.f_set_requires_grad(true);
    let inputs = zeros(&[2, 1, 8, 8])?;
    let (kernel, weight, bias) = (parameter(&[4, 1, 3, 3])?, parameter(&[2, 144])?, parameter(&[2])?);
    let loss = {
        let _bfloat16 = autocast.then(|| Autocast::enter(device)).transpose()?;
        let image = inputs.f_conv2d(&kernel, None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1)?;
        image.f_flatten(1, -1)?.f_linear(&weight, Some(&bias))?.f_sum(kind)?
    };
    backward(&loss, &Tensor::f_ones([0i64; 0], (kind, device))?)
}
