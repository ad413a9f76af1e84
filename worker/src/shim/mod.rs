//! What libtorch can do and tch does not bind: exact memory accounting with an enforced budget, fused optimizer
//! steps, copies beside the computing, generator state, determinism. C++ in `worker/shim/`, declared in [`ffi`]; safe from here on.
#![expect(unsafe_code, reason = "the one place that calls the C++ shim; every call states why it is sound")]

mod ffi;

pub mod error;

pub mod cpu_memory;

pub mod device_memory;

pub mod optimizer;

pub mod reproducibility;

pub mod transfer;

pub use error::{TorchError, TorchErrorKind};
