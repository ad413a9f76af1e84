//! Allocations that an accelerator refused, also where a library hides that behind an error of its own.

use std::sync::{Mutex, PoisonError};

use tch::Device;

use super::{c10_device, ffi};

/// The device that is watched, and the allocations that had been refused there before.
static BEFORE: Mutex<Option<(Device, u64)>> = Mutex::new(None);

/// Watches a device, on which so many allocations have been refused so far.
pub(super) fn watch(device: Device, so_far: u64) {
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some((device, so_far));
}

/// Whether the device that is watched has refused an allocation since.
pub(super) fn any_since() -> bool {
    let before = *BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    before.is_some_and(|(device, before)| {
        let (device_type, index) = c10_device(device);
        let mut now = ffi::DeviceMemory::default();
        // SAFETY: `now` is a live, writable struct of the layout that the shim declares.
        let status = unsafe { ffi::bs_device_stats(device_type, index, &raw mut now) };
        status == ffi::OK && now.ooms > before
    })
}
