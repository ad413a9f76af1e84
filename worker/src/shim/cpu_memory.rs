//! Tensor storage on the CPU: counted to the byte, and limited where a limit is set.
//!
//! The counters belong to the process, so tests that read them must not run beside other tensor work.

use super::error::{TorchError, check};
use super::ffi;

/// Bytes of live tensor storage on the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuMemory {
    /// Now.
    pub current: u64,
    /// At most, since [`reset_peak`].
    pub peak: u64,
    /// The limit, if one is set.
    pub limit: Option<u64>,
    /// Allocations made since the process started.
    pub allocations: u64,
    /// Allocations refused since the process started.
    pub ooms: u64,
}

/// Makes the counting allocator the CPU allocator of this process. Call it before the first tensor exists; more
/// calls do nothing.
///
/// # Errors
/// [`TorchError`] if libtorch refuses.
pub fn install() -> Result<(), TorchError> {
    // SAFETY: no arguments; idempotent.
    check(unsafe { ffi::bs_cpu_install() })
}

/// The counters.
#[must_use]
pub fn stats() -> CpuMemory {
    let mut raw = ffi::CpuMemory::default();
    // SAFETY: `raw` is a live, writable struct of the layout that the shim declares.
    unsafe { ffi::bs_cpu_stats(&raw mut raw) };
    CpuMemory {
        current: raw.current,
        peak: raw.peak,
        limit: (raw.limit > 0).then_some(raw.limit),
        allocations: raw.allocations,
        ooms: raw.ooms,
    }
}

/// Lets the peak start again from what is live now.
pub fn reset_peak() {
    // SAFETY: writes an atomic.
    unsafe { ffi::bs_cpu_reset_peak() }
}

/// Gives memory that was freed, and kept for the next step, back to the system.
pub fn release_freed() {
    // SAFETY: no arguments; the C library's own heap.
    unsafe { ffi::bs_cpu_release_freed() }
}

/// From now on an allocation that would take the live bytes above `limit` fails as out of memory.
pub fn set_limit(limit: Option<u64>) {
    // SAFETY: writes an atomic. A limit of 0 bytes would read as "none"; 1 byte holds nothing either.
    unsafe { ffi::bs_cpu_set_limit(limit.map_or(0, |bytes| bytes.max(1))) }
}

/// Makes the k-th allocation from now (1 = the next one) fail once as out of memory, or with `None` none. This is
/// how tests prove that no allocation of a step is one too many.
pub fn fail_at(k: Option<u64>) {
    // SAFETY: writes an atomic.
    unsafe { ffi::bs_cpu_fail_at(k.unwrap_or(0)) }
}
