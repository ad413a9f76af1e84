// The driver's functions, which libtorch looks up by name through the runtime.
#include <string.h>

#include <cuda.h>

#include "fake.h"

// libtorch asks for more functions at once than it ever calls.
static CUresult not_supported(void) {
  count(&board()->unsupported_calls);
  return CUDA_ERROR_NOT_SUPPORTED;
}

static CUresult init(unsigned flags) {
  (void)flags;
  return board()->driver_version == 0 ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
}

static CUresult get_version(int *version) { return (CUresult)cudaDriverGetVersion(version); }

static CUresult get_count(int *out) {
  const cudaError_t error = visible_devices(out);
  return error == cudaErrorNoDevice ? CUDA_SUCCESS : (CUresult)error;
}

static CUresult get_device(CUdevice *out, int device) {
  int count = 0;
  visible_devices(&count);
  *out = device;
  return device >= 0 && device < count ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

static CUresult get_name(char *text, int length, CUdevice device) {
  struct cudaDeviceProp properties;
  const CUresult error = (CUresult)cudaGetDeviceProperties(&properties, device);
  if (error != CUDA_SUCCESS) return error;
  strncpy(text, properties.name, (size_t)length);
  text[length - 1] = '\0';
  return CUDA_SUCCESS;
}

static CUresult get_uuid(CUuuid *uuid, CUdevice device) {
  struct cudaDeviceProp properties;
  const CUresult error = (CUresult)cudaGetDeviceProperties(&properties, device);
  if (error == CUDA_SUCCESS) memcpy(uuid, &properties.uuid, sizeof *uuid);
  return error;
}

static CUresult get_total(size_t *bytes, CUdevice device) {
  struct cudaDeviceProp properties;
  const CUresult error = (CUresult)cudaGetDeviceProperties(&properties, device);
  if (error == CUDA_SUCCESS) *bytes = properties.totalGlobalMem;
  return error;
}

// Everything that expandable segments could ask for besides (NVLink's fabric, RDMA) is not there.
static CUresult get_attribute(int *value, CUdevice_attribute attribute, CUdevice device) {
  (void)attribute, (void)device;
  *value = 0;
  return CUDA_SUCCESS;
}

static CUresult get_primary_context_state(CUdevice device, unsigned *flags, int *is_active) {
  *flags = 0;
  *is_active = is_context_open(board_index(device));
  return CUDA_SUCCESS;
}

// A context is its device's primary one, and is named by the device's number here plus one.
static CUresult retain_primary_context(CUcontext *out, CUdevice device) {
  *out = (CUcontext)((intptr_t)device + 1);
  return (CUresult)open_context(board_index(device));
}

static CUresult get_current_context(CUcontext *out) {
  int device = 0;
  cudaGetDevice(&device);
  *out = is_context_open(board_index(device)) ? (CUcontext)((intptr_t)device + 1) : NULL;
  return CUDA_SUCCESS;
}

static CUresult set_current_context(CUcontext context) {
  return context == NULL ? CUDA_SUCCESS : (CUresult)cudaSetDevice((int)((intptr_t)context - 1));
}

static CUresult get_error_string(CUresult error, const char **text) {
  *text = cudaGetErrorString((cudaError_t)error);
  return CUDA_SUCCESS;
}

void *device_function(const char *name) {
  static const struct {
    const char *name;
    void *function;
  } known[] = {
      {"cuInit", init},
      {"cuDriverGetVersion", get_version},
      {"cuDeviceGetCount", get_count},
      {"cuDeviceGet", get_device},
      {"cuDeviceGetName", get_name},
      {"cuDeviceGetUuid", get_uuid},
      {"cuDeviceTotalMem", get_total},
      {"cuDeviceGetAttribute", get_attribute},
      {"cuDevicePrimaryCtxGetState", get_primary_context_state},
      {"cuDevicePrimaryCtxRetain", retain_primary_context},
      {"cuCtxGetCurrent", get_current_context},
      {"cuCtxSetCurrent", set_current_context},
      {"cuGetErrorString", get_error_string},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    if (strcmp(name, known[i].name) == 0) return known[i].function;
  }
  return NULL;
}

EXPORT cudaError_t cudaGetDriverEntryPointByVersion(const char *name, void **out, unsigned version,
                                                    unsigned long long flags,
                                                    enum cudaDriverEntryPointQueryResult *status) {
  (void)version, (void)flags;
  *out = virtual_memory_function(name);
  if (*out == NULL) *out = device_function(name);
  if (*out == NULL) *out = (void *)not_supported;
  if (status != NULL) *status = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}
