// The driver's library, for those who ask it directly which devices there are.
#include <cuda.h>

#include "../runtime/library.h"

#define FORWARD(name, parameters, arguments) \
  CUresult name parameters { return ((CUresult(*) parameters)fake_cuda_driver(#name))arguments; }

#undef cuDeviceTotalMem
#undef cuDeviceGetUuid

FORWARD(cuInit, (unsigned flags), (flags))
FORWARD(cuDriverGetVersion, (int *version), (version))
FORWARD(cuDeviceGetCount, (int *count), (count))
FORWARD(cuDeviceGet, (CUdevice *device, int index), (device, index))
FORWARD(cuDeviceGetName, (char *name, int length, CUdevice device), (name, length, device))
FORWARD(cuDeviceGetAttribute, (int *value, CUdevice_attribute attribute, CUdevice device), (value, attribute, device))
FORWARD(cuDevicePrimaryCtxGetState, (CUdevice device, unsigned *flags, int *is_active), (device, flags, is_active))
FORWARD(cuDevicePrimaryCtxRetain, (CUcontext *context, CUdevice device), (context, device))
FORWARD(cuCtxGetCurrent, (CUcontext *context), (context))
FORWARD(cuCtxSetCurrent, (CUcontext context), (context))
FORWARD(cuGetErrorString, (CUresult error, const char **text), (error, text))

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  return ((CUresult(*)(CUuuid *, CUdevice))fake_cuda_driver("cuDeviceGetUuid"))(uuid, device);
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  return ((CUresult(*)(size_t *, CUdevice))fake_cuda_driver("cuDeviceTotalMem"))(bytes, device);
}
