// Errors: the last one of each thread, and the one that no call of this process gets past.
#include "fake.h"

static _Thread_local cudaError_t last = cudaSuccess;
static bool is_broken;

cudaError_t fail(cudaError_t error) {
  last = error;
  return error;
}

void break_device(void) { __atomic_store_n(&is_broken, true, __ATOMIC_RELEASE); }

cudaError_t device_state(void) {
  return __atomic_load_n(&is_broken, __ATOMIC_ACQUIRE) ? cudaErrorIllegalAddress : cudaSuccess;
}

EXPORT cudaError_t cudaPeekAtLastError(void) { return device_state() != cudaSuccess ? device_state() : last; }

EXPORT cudaError_t cudaGetLastError(void) {
  const cudaError_t error = cudaPeekAtLastError();
  last = cudaSuccess;
  return error;
}

// NVIDIA's words, for the errors that this runtime gives.
static const struct {
  cudaError_t error;
  const char *name;
  const char *text;
} known[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
};

EXPORT const char *cudaGetErrorName(cudaError_t error) {
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    if (known[i].error == error) return known[i].name;
  }
  return "unrecognized error code";
}

EXPORT const char *cudaGetErrorString(cudaError_t error) {
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    if (known[i].error == error) return known[i].text;
  }
  return "unrecognized error code";
}
