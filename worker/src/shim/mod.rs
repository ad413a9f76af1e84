//! What libtorch can do and tch does not bind: exact memory accounting with an enforced budget, copies beside the
//! computing, fused optimizer steps, scripted modules, determinism. C++ in `worker/shim/`, declared in [`ffi`]; safe
//! from here on.
#![expect(unsafe_code, reason = "the one place that calls the C++ shim; every call states why it is sound")]

pub mod chain;
pub mod cpu_memory;
pub mod device_memory;
pub mod error;
mod ffi;
pub mod optimizer;
pub mod python;
mod refusals;
pub mod reproducibility;
pub mod script;
pub mod step;
pub mod transfer;
pub mod warnings;

pub use error::{TorchError, TorchErrorKind};

/// c10's numbers for a device: type (CPU 0, CUDA 1) and index.
fn c10_device(device: tch::Device) -> (i8, i8) {
    match device {
        tch::Device::Cuda(index) => (1, i8::try_from(index).unwrap_or(-1)),
        _ => (0, -1),
    }
}

/// c10's number for a type of numbers that models are made of.
fn c10_scalar(kind: tch::Kind) -> i8 {
    match kind {
        tch::Kind::Double => 7,
        tch::Kind::BFloat16 => 15,
        _ => 6,
    }
}
