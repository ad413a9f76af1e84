//! The declarations of `worker/shim/shim.h`, in its order; see there for what each does.

use std::ffi::{c_char, c_int, c_void};

use torch_sys::C_tensor;

pub(super) const OK: c_int = 0;
pub(super) const OUT_OF_MEMORY: c_int = 1;

pub(super) const CROSS_ENTROPY: i32 = 0;
pub(super) const SQUARED_ERROR: i32 = 1;

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CpuMemory {
    pub current: u64,
    pub peak: u64,
    pub limit: u64,
    pub allocations: u64,
    pub ooms: u64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DeviceMemory {
    pub allocated: u64,
    pub allocated_peak: u64,
    pub reserved: u64,
    pub reserved_peak: u64,
    pub requested: u64,
    pub requested_peak: u64,
    pub ooms: u64,
    pub retries: u64,
    pub free: u64,
    pub total: u64,
}

/// A way to a device, opaque.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Lane {
    _private: [u8; 0],
}

/// The end of one sending, opaque.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Arrival {
    _private: [u8; 0],
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Adam {
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
    pub decoupled: bool,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct RmsProp {
    pub learning_rate: f64,
    pub alpha: f64,
    pub weight_decay: f64,
    pub alpha_scalar: *mut C_tensor,
    pub epsilon_scalar: *mut C_tensor,
    pub momentum_scalar: *mut C_tensor,
    pub scratch: *mut C_tensor,
}

/// A scripted module, opaque.
#[repr(C)]
pub(super) struct Module {
    _private: [u8; 0],
}

unsafe extern "C" {
    pub(super) fn bs_error_text() -> *const c_char;

    pub(super) fn bs_cpu_install() -> c_int;
    pub(super) fn bs_cpu_stats(out: *mut CpuMemory);
    pub(super) fn bs_cpu_reset_peak();
    pub(super) fn bs_cpu_release_freed();
    pub(super) fn bs_cpu_set_limit(limit: u64);
    pub(super) fn bs_cpu_fail_at(k: u64);

    pub(super) fn bs_device_stats(device_type: i8, index: i8, out: *mut DeviceMemory) -> c_int;
    pub(super) fn bs_device_reset_peak(device_type: i8, index: i8) -> c_int;
    pub(super) fn bs_device_empty_cache(device_type: i8) -> c_int;
    pub(super) fn bs_cuda_set_limit(index: i8, bytes: u64) -> c_int;

    pub(super) fn bs_cuda_expand_segments(on: bool) -> c_int;

    pub(super) fn bs_load_cuda() -> c_int;
    pub(super) fn bs_can_load(library: *const c_char) -> bool;
    pub(super) fn bs_cuda_driver_version() -> i32;
    pub(super) fn bs_cuda_model(index: i32, out: *mut c_char, room: usize) -> c_int;
    pub(super) fn bs_cuda_uuid(index: i32, out: *mut [u8; 16]) -> c_int;

    pub(super) fn bs_pinned_empty(
        prototype: *const C_tensor,
        size: *const i64,
        dimensions: usize,
        out: *mut *mut C_tensor,
    ) -> c_int;
    pub(super) fn bs_lane_open(device_type: i8, index: i8, out: *mut *mut Lane) -> c_int;
    pub(super) fn bs_lane_close(lane: *mut Lane);
    pub(super) fn bs_lane_send(
        lane: *const Lane,
        staged: *const *mut C_tensor,
        count: usize,
        out: *mut *mut C_tensor,
        arrival: *mut *mut Arrival,
    ) -> c_int;
    pub(super) fn bs_arrival_await(arrival: *mut Arrival) -> c_int;

    pub(super) fn bs_fused_sgd(
        parameters: *const *mut C_tensor,
        momentum_buffers: *const *mut C_tensor,
        count: usize,
        learning_rate: f64,
        momentum: f64,
        weight_decay: f64,
        nesterov: bool,
    ) -> c_int;
    pub(super) fn bs_fused_adam(
        parameters: *const *mut C_tensor,
        first_moments: *const *mut C_tensor,
        second_moments: *const *mut C_tensor,
        step: *mut C_tensor,
        count: usize,
        step_number: f64,
        adam: *const Adam,
    ) -> c_int;
    pub(super) fn bs_rmsprop_step(
        parameters: *const *mut C_tensor,
        square_averages: *const *mut C_tensor,
        momentum_buffers: *const *mut C_tensor,
        count: usize,
        rmsprop: *const RmsProp,
    ) -> c_int;
    pub(super) fn bs_clear_gradients(parameters: *const *mut C_tensor, count: usize) -> c_int;
    pub(super) fn bs_gradient_norm(
        parameters: *const *mut C_tensor,
        count: usize,
        out: *mut *mut C_tensor,
    ) -> c_int;

    pub(super) fn bs_backward(loss: *const C_tensor, scale: *const C_tensor) -> c_int;
    pub(super) fn bs_autocast_enter(device_type: i8, scalar_type: i8) -> c_int;
    pub(super) fn bs_autocast_exit(device_type: i8) -> c_int;

    pub(super) fn bs_chain_backward(
        parameters: *const *mut C_tensor,
        layers: usize,
        inputs: *const C_tensor,
        targets: *const C_tensor,
        loss: i32,
        scale: *const C_tensor,
        out: *mut *mut C_tensor,
    ) -> c_int;

    pub(super) fn bs_module_load(
        path: *const c_char,
        device_type: i8,
        index: i8,
        out: *mut *mut Module,
    ) -> c_int;
    pub(super) fn bs_module_convert(module: *mut Module, scalar_type: i8) -> c_int;
    pub(super) fn bs_module_free(module: *mut Module);
    pub(super) fn bs_module_count(module: *const Module, which: i32) -> usize;
    pub(super) fn bs_module_name(module: *const Module, which: i32, i: usize) -> *const c_char;
    pub(super) fn bs_module_tensor(module: *const Module, which: i32, i: usize) -> *mut C_tensor;
    pub(super) fn bs_module_signature(module: *const Module) -> *const c_char;
    pub(super) fn bs_module_train(module: *mut Module, on: bool) -> c_int;
    pub(super) fn bs_module_has(module: *const Module, method: *const c_char) -> bool;
    pub(super) fn bs_module_call(module: *mut Module, method: *const c_char) -> c_int;
    pub(super) fn bs_python_wrap(tensor: *const C_tensor, object: *mut *mut c_void) -> c_int;
    pub(super) fn bs_python_unwrap(object: *mut c_void) -> *mut C_tensor;
    pub(super) fn bs_module_forward(
        module: *mut Module,
        inputs: *const C_tensor,
        out: *mut *mut C_tensor,
    ) -> c_int;

    pub(super) fn bs_set_deterministic(on: bool) -> c_int;
    pub(super) fn bs_set_tf32(on: bool) -> c_int;

    pub(super) fn bs_warn_once() -> c_int;
}
