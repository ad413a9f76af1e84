// The C surface between `worker::shim` (Rust) and libtorch (C++). What tch does not bind is here, nothing else.
//
// Conventions: a function returns a Status; after anything but BS_OK, bs_error_text() has the reason. Sizes are
// bytes. No exception leaves a function, and none calls back into Rust.
#pragma once

#include <cstddef>
#include <cstdint>

namespace at {
class Tensor;
}

extern "C" {

typedef int32_t bs_status;
enum : bs_status { BS_OK = 0, BS_OUT_OF_MEMORY = 1, BS_ERROR = 2 };

// Why the last call on this thread failed, one line; valid until the next failure on this thread.
const char* bs_error_text();

// --- cpu_allocator.cpp: every byte of tensor storage on the CPU, counted and limited ---

struct bs_cpu_memory {
  uint64_t current;      // bytes in live tensor storage
  uint64_t peak;         // the largest `current` since the last reset
  uint64_t limit;        // 0: no limit
  uint64_t allocations;  // successful ones, since the start of the process
  uint64_t ooms;         // refused ones, since the start of the process
};

// Makes the counting allocator the CPU allocator of this process. Must precede the first tensor. Idempotent.
bs_status bs_cpu_install();
void bs_cpu_stats(bs_cpu_memory* out);
void bs_cpu_reset_peak();
// Freed memory is kept for the next step. This gives it back to the system.
void bs_cpu_release_freed();
// An allocation that would take `current` above `limit` fails as out of memory. 0 lifts the limit.
void bs_cpu_set_limit(uint64_t limit);
// The k-th allocation from now (1 = the next) fails as out of memory, once. 0 disarms. For tests.
void bs_cpu_fail_at(uint64_t k);

// --- device_memory.cpp: any accelerator with a caching allocator ---

struct bs_device_memory {
  uint64_t allocated, allocated_peak;  // blocks handed out, after rounding
  uint64_t reserved, reserved_peak;    // segments taken from the driver
  uint64_t requested, requested_peak;  // what tensors asked for, before rounding
  uint64_t ooms;                       // failed allocations, also those that cuDNN swallows
  uint64_t retries;                    // cache flushes that saved an allocation
  uint64_t free, total;                // of the device, over all processes
};

// `device_type` is c10::DeviceType's number (CUDA is 1), as tch's C API has it.
bs_status bs_device_stats(int8_t device_type, int8_t index, bs_device_memory* out);
bs_status bs_device_reset_peak(int8_t device_type, int8_t index);
bs_status bs_device_empty_cache(int8_t device_type);
// Bytes of segments that this process may hold on a CUDA device; an allocation beyond them fails as out of memory.
bs_status bs_cuda_set_limit(int8_t index, uint64_t bytes);

// Whether segments grow in place. To be called before the first tensor on the device.
bs_status bs_cuda_expand_segments(bool on);

// --- cuda_library.cpp ---

// Loads libtorch_cuda.so, which an ordinary link drops. Before the first CUDA call: its hooks are looked up once.
bs_status bs_load_cuda();
// Whether the loader finds a library.
bool bs_can_load(const char* library);
// For which CUDA the driver is, such as 13000 for 13.0; 0 where there is none.
int32_t bs_cuda_driver_version();
// The model of a CUDA device in the driver's words, into `room` bytes.
bs_status bs_cuda_model(int32_t index, char* out, size_t room);
// What a CUDA device, or an instance that a card is split into, is known by in every process: 16 bytes.
bs_status bs_cuda_uuid(int32_t index, uint8_t* out);

// --- transfer.cpp: copies to an accelerator beside its computing ---

// A new tensor of `prototype`'s number type in page-locked host memory.
bs_status bs_pinned_empty(const at::Tensor* prototype, const int64_t* size, size_t dimensions, at::Tensor** out);

struct bs_lane;     // a stream for copies to one device
struct bs_arrival;  // when one sending is complete

bs_status bs_lane_open(int8_t device_type, int8_t index, bs_lane** out);
void bs_lane_close(bs_lane* lane);
// Copies `count` page-locked tensors to the lane's device, into `out`, without waiting for it. The copies start when all
// that is queued for computing so far is done. The staged tensors may be dropped at once. What arrives must not be used, nor
// dropped, before bs_arrival_await.
bs_status bs_lane_send(const bs_lane* lane, at::Tensor* const* staged, size_t count, at::Tensor** out,
                       bs_arrival** arrival);
// Lets what is queued for computing from now on wait for the arrival; the host does not wait. Frees `arrival`.
bs_status bs_arrival_await(bs_arrival* arrival);

// --- optimizer.cpp: libtorch's fused kernels over arrays of tensors; gradients are the parameters' own ---
// A parameter without a gradient took no part in the loss; as in PyTorch, a step leaves it and its state alone.

// `momentum_buffers` is null when `momentum` is 0.
bs_status bs_fused_sgd(at::Tensor* const* parameters, at::Tensor* const* momentum_buffers, size_t count,
                       double learning_rate, double momentum, double weight_decay, bool nesterov);

struct bs_adam {
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  bool decoupled;  // true: AdamW
};

// `step` is a scalar tensor of float32 beside the parameters, set to `step_number` (1 for the first) here.
bs_status bs_fused_adam(at::Tensor* const* parameters, at::Tensor* const* first_moments,
                        at::Tensor* const* second_moments, at::Tensor* step, size_t count, double step_number,
                        const bs_adam* adam);

// What an RMSprop step works with. Numbers that libtorch would wrap into new tensors are scalar tensors here.
struct bs_rmsprop {
  double learning_rate, alpha, weight_decay;
  at::Tensor* alpha_scalar;
  at::Tensor* epsilon_scalar;
  at::Tensor* momentum_scalar;
  at::Tensor* scratch;  // flat, with at least the elements of the largest parameter
};

// `momentum_buffers` is null without momentum. The gradients are changed when weight decay is on.
bs_status bs_rmsprop_step(at::Tensor* const* parameters, at::Tensor* const* square_averages,
                          at::Tensor* const* momentum_buffers, size_t count, const bs_rmsprop* rmsprop);

// Drops every gradient (None, not zeros), so that its memory is free.
bs_status bs_clear_gradients(at::Tensor* const* parameters, size_t count);

// Euclidean norm of all gradients together, as a float64 scalar beside them; a parameter without one counts as 0.
bs_status bs_gradient_norm(at::Tensor* const* parameters, size_t count, at::Tensor** out);

// --- step.cpp ---

// Backward from a scalar loss, as if it had been multiplied by `scale`, a scalar beside it.
bs_status bs_backward(const at::Tensor* loss, const at::Tensor* scale);

// From here on, on this thread, operations that gain by it compute in `scalar_type` (c10's number; bfloat16 is 15)
// and the others in float32. Not nested.
bs_status bs_autocast_enter(int8_t device_type, int8_t scalar_type);
bs_status bs_autocast_exit(int8_t device_type);

// --- chain.cpp ---

enum : int32_t { BS_CROSS_ENTROPY = 0, BS_SQUARED_ERROR = 1 };

// Forward and backward of `layers` linear layers with a ReLU between every two: the loss summed over the examples goes
// to `out`, and its gradient times `scale`, a scalar beside it, is added to the gradients of the parameters: weight and
// bias of the first layer, then of the next. Inputs are (examples, ...), targets (examples) of int64 classes.
bs_status bs_chain_backward(at::Tensor* const* parameters, size_t layers, const at::Tensor* inputs,
                            const at::Tensor* targets, int32_t loss, const at::Tensor* scale, at::Tensor** out);

// --- script.cpp: modules saved by torch.jit.save ---

struct bs_module;
enum : int32_t { BS_TRAINED = 0, BS_FROZEN = 1, BS_BUFFERS = 2 };

// Loads a module onto a device. The file's own code is run by no more than libtorch's interpreter.
bs_status bs_module_load(const char* path, int8_t device_type, int8_t index, bs_module** out);
// Makes `scalar_type` (c10's number) of its floating-point numbers.
bs_status bs_module_convert(bs_module* module, int8_t scalar_type);
void bs_module_free(bs_module* module);
// Its tensors by kind, each once, in the order of their declaration; a handle is the caller's to free.
size_t bs_module_count(const bs_module* module, int32_t which);
const char* bs_module_name(const bs_module* module, int32_t which, size_t i);
at::Tensor* bs_module_tensor(const bs_module* module, int32_t which, size_t i);
// `forward` as it was declared.
const char* bs_module_signature(const bs_module* module);
bs_status bs_module_train(bs_module* module, bool on);
bool bs_module_has(const bs_module* module, const char* method);
// Calls a method that takes nothing, without gradients.
bs_status bs_module_call(bs_module* module, const char* method);
bs_status bs_module_forward(bs_module* module, const at::Tensor* inputs, at::Tensor** out);

// --- python.cpp: tensors as a Python interpreter in this process has them. The caller holds its lock ---

// A new reference to the object of a tensor; null, with Python's error set, where none can be made.
bs_status bs_python_wrap(const at::Tensor* tensor, void** object);
// The tensor of an object, which must be one.
at::Tensor* bs_python_unwrap(void* object);

// --- reproducibility.cpp ---

// Deterministic kernels wherever there are some; no cuDNN autotuning. An operation that has none warns and goes on.
bs_status bs_set_deterministic(bool on);
// TF32 in float32 matrix products and convolutions.
bs_status bs_set_tf32(bool on);

// --- warnings.cpp ---

// From now on each of libtorch's warnings is printed once, as far as this thread causes them.
bs_status bs_warn_once();

}  // extern "C"
