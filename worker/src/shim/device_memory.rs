//! Memory of an accelerator, as its caching allocator in libtorch tells it.

use std::ffi::{CStr, c_char};

use tch::Device;

use super::error::{TorchError, check};
use super::{ffi, refusals};

/// c10's number for CUDA, which tch's devices index.
const CUDA: i8 = 1;

/// Bytes on one accelerator, of this process unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceMemory {
    /// In live blocks, after the allocator's rounding.
    pub allocated: u64,
    /// The most of these since [`reset_peak`].
    pub allocated_peak: u64,
    /// In segments taken from the driver.
    pub reserved: u64,
    /// The most of these since [`reset_peak`].
    pub reserved_peak: u64,
    /// Asked for by live tensors, before rounding: what predictions are compared with.
    pub requested: u64,
    /// The most of these since [`reset_peak`].
    pub requested_peak: u64,
    /// Failed allocations, also those that a library handled itself.
    pub ooms: u64,
    /// Allocations that succeeded only after the cache was flushed.
    pub retries: u64,
    /// Free on the device, over all processes.
    pub free: u64,
    /// The size of the device.
    pub total: u64,
}

/// Loads `libtorch_cuda.so`, which an ordinary link drops. Call it before anything asks for CUDA: libtorch looks
/// for its CUDA part once.
///
/// # Errors
/// [`TorchError`] with the loader's reason, such as that libtorch was installed without CUDA.
pub fn load_cuda() -> Result<(), TorchError> {
    // SAFETY: no arguments; loading libtorch's own library runs its initialisers, as linking it would.
    check(unsafe { ffi::bs_load_cuda() })
}

/// Lets this process see one GPU only, by a name that `CUDA_VISIBLE_DEVICES` takes. To be called before anything asks for
/// CUDA.
pub fn show_only(gpu: &str) {
    // SAFETY: until its device is open a trainer has two other threads, of which one reads frames and one sends signs of
    // life; neither looks at the environment.
    unsafe { std::env::set_var("CUDA_VISIBLE_DEVICES", gpu) };
}

/// Whether the driver's management library is there; some containers leave it out.
#[must_use]
pub fn has_management_library() -> bool {
    // SAFETY: a constant that ends in NUL; the driver's own library may be loaded at any time.
    unsafe { ffi::bs_can_load(c"libnvidia-ml.so.1".as_ptr()) }
}

/// For which CUDA the driver of this machine is, as major and minor version; `None` where no driver is installed.
#[must_use]
pub fn driver_version() -> Option<(i32, i32)> {
    // SAFETY: no arguments; the driver's own library may be loaded and asked for its version at any time.
    let version = unsafe { ffi::bs_cuda_driver_version() };
    (version > 0).then_some((version / 1000, version % 1000 / 10))
}

/// The model of a CUDA device, such as "NVIDIA H100 80GB HBM3".
///
/// # Errors
/// [`TorchError`] where the driver knows no such device.
pub fn model(index: usize) -> Result<String, TorchError> {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    let mut text: [c_char; 256] = [0; 256];
    // SAFETY: `text` is writable for as many bytes as are said.
    check(unsafe { ffi::bs_cuda_model(index, text.as_mut_ptr(), text.len()) })?;
    // SAFETY: the driver ends the name in NUL within the room that it was given.
    Ok(unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned())
}

/// What a CUDA device, or an instance that a card is split into, is known by in every process.
///
/// # Errors
/// [`TorchError`] where the driver knows no such device.
pub fn uuid(index: usize) -> Result<[u8; 16], TorchError> {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    let mut bytes = [0; 16];
    // SAFETY: `bytes` is writable, and as long as a UUID is.
    check(unsafe { ffi::bs_cuda_uuid(index, &raw mut bytes) })?;
    Ok(bytes)
}

/// Whether the allocator's segments grow in place. To be set before the first tensor on the device.
///
/// # Errors
/// [`TorchError`] if libtorch refuses the setting.
pub fn expand_segments(on: bool) -> Result<(), TorchError> {
    // SAFETY: a plain value.
    check(unsafe { ffi::bs_cuda_expand_segments(on) })
}

/// The counters of a CUDA device.
///
/// # Errors
/// [`TorchError`] for the CPU, and where no tensor was made on the device yet.
pub fn stats(device: Device) -> Result<DeviceMemory, TorchError> {
    let mut raw = ffi::DeviceMemory::default();
    // SAFETY: `raw` is a live, writable struct of the layout that the shim declares.
    check(unsafe { ffi::bs_device_stats(CUDA, index(device)?, &raw mut raw) })?;
    let ffi::DeviceMemory {
        allocated,
        allocated_peak,
        reserved,
        reserved_peak,
        requested,
        requested_peak,
        ooms,
        retries,
        free,
        total,
    } = raw;
    Ok(DeviceMemory {
        allocated,
        allocated_peak,
        reserved,
        reserved_peak,
        requested,
        requested_peak,
        ooms,
        retries,
        free,
        total,
    })
}

/// Lets all peaks start again from what is live now.
///
/// # Errors
/// As [`stats`].
pub fn reset_peak(device: Device) -> Result<(), TorchError> {
    // SAFETY: plain numbers; the shim checks them.
    check(unsafe { ffi::bs_device_reset_peak(CUDA, index(device)?) })?;
    refusals::watch(device, stats(device)?.ooms);
    Ok(())
}

/// Gives cached segments that hold no live block back to the driver.
///
/// # Errors
/// As [`stats`].
pub fn empty_cache() -> Result<(), TorchError> {
    // SAFETY: a plain number; the shim checks it.
    check(unsafe { ffi::bs_device_empty_cache(CUDA) })
}

/// Limits the bytes of segments that this process may hold; more than the device has is no limit.
///
/// # Errors
/// As [`stats`].
pub fn set_limit(device: Device, bytes: u64) -> Result<(), TorchError> {
    // SAFETY: plain numbers; the shim checks them.
    check(unsafe { ffi::bs_cuda_set_limit(index(device)?, bytes) })
}

fn index(device: Device) -> Result<i8, TorchError> {
    match device {
        Device::Cuda(index) => i8::try_from(index).ok(),
        _ => None,
    }
    .ok_or_else(|| TorchError::from_text(&format!("{device:?} has no caching allocator")))
}
