// Which devices a process sees, and what they are.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fake.h"

static int visible[BOARD_DEVICES];
static int visible_count;
static bool has_context[BOARD_DEVICES];
static pthread_once_t listed = PTHREAD_ONCE_INIT;
static pthread_mutex_t contexts = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int chosen;

static bool is_mig(int device) { return strncmp(board()->devices[device].uuid, "MIG-", 4) == 0; }

// The board is in the order of bus addresses. CUDA's own order is fastest first.
static int order(int devices[BOARD_DEVICES]) {
  const int all = (int)board()->device_count;
  for (int i = 0; i < all; ++i) devices[i] = i;
  const char *wish = getenv("CUDA_DEVICE_ORDER");
  if (wish != NULL && strcmp(wish, "PCI_BUS_ID") == 0) return all;
  for (int i = 1; i < all; ++i) {
    for (int j = i; j > 0 && board()->devices[devices[j]].speed > board()->devices[devices[j - 1]].speed; --j) {
      const int faster = devices[j];
      devices[j] = devices[j - 1];
      devices[j - 1] = faster;
    }
  }
  return all;
}

// An index into the order, or the beginning of a UUID; -1 for what names no device.
static int named(const char *name, size_t length, const int *devices, int all) {
  char *end = NULL;
  const long index = strtol(name, &end, 10);
  if (end == name + length && length > 0) return index >= 0 && index < all ? devices[index] : -1;
  for (int i = 0; i < all; ++i) {
    if (length > 4 && strncasecmp(name, board()->devices[devices[i]].uuid, length) == 0) return devices[i];
  }
  return -1;
}

static void list(void) {
  int devices[BOARD_DEVICES];
  const int all = order(devices);
  const char *wish = getenv("CUDA_VISIBLE_DEVICES");
  if (wish == NULL) {
    for (int i = 0; i < all; ++i) visible[visible_count++] = devices[i];
  }
  // What follows a name that is no device is not looked at.
  while (wish != NULL && visible_count < BOARD_DEVICES) {
    const size_t length = strcspn(wish, ",");
    const int device = named(wish, length, devices, all);
    if (device < 0) break;
    visible[visible_count++] = device;
    wish = wish[length] == ',' ? wish + length + 1 : NULL;
  }
  // A process sees one MIG instance at most, and then nothing else.
  for (int i = 0; i < visible_count; ++i) {
    if (is_mig(visible[i])) {
      visible[0] = visible[i];
      visible_count = 1;
    }
  }
}

cudaError_t visible_devices(int *count) {
  *count = 0;
  if (board()->driver_version < CUDART_VERSION) return cudaErrorInsufficientDriver;
  pthread_once(&listed, list);
  *count = visible_count;
  return visible_count == 0 ? cudaErrorNoDevice : cudaSuccess;
}

int board_index(int device) {
  pthread_once(&listed, list);
  return visible[device];
}

int process_index(int device) {
  for (int i = 0; i < visible_count; ++i) {
    if (visible[i] == device) return i;
  }
  return -1;
}

int current_index(void) { return board_index(chosen); }

struct board_device *current_device(void) { return &board()->devices[current_index()]; }

cudaError_t open_context(int device) {
  pthread_mutex_lock(&contexts);
  const bool is_new = !has_context[device];
  const bool fits = !is_new || take_memory(device, board()->devices[device].context_bytes);
  has_context[device] = has_context[device] || fits;
  pthread_mutex_unlock(&contexts);
  return fits ? cudaSuccess : fail(cudaErrorMemoryAllocation);
}

bool is_context_open(int device) {
  pthread_mutex_lock(&contexts);
  const bool is_open = has_context[device];
  pthread_mutex_unlock(&contexts);
  return is_open;
}

EXPORT cudaError_t cudaGetDeviceCount(int *count) {
  switch_cudnn_off();
  const cudaError_t error = visible_devices(count);
  return error == cudaSuccess ? error : fail(error);
}

// Does not look at the device, so that it works even where that is broken.
EXPORT cudaError_t cudaGetDevice(int *device) {
  *device = chosen;
  return cudaSuccess;
}

static cudaError_t check(int device) {
  int count = 0;
  const cudaError_t error = visible_devices(&count);
  if (error != cudaSuccess) return fail(error);
  return device >= 0 && device < count ? cudaSuccess : fail(cudaErrorInvalidDevice);
}

EXPORT cudaError_t cudaSetDevice(int device) {
  const cudaError_t error = check(device);
  if (error != cudaSuccess) return error;
  chosen = device;
  return open_context(board_index(device));
}

static int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

// The 16 bytes after "GPU-" or "MIG-".
static void read_uuid(const char *text, char bytes[16]) {
  int digits = 0;
  for (const char *at = text + 4; *at != '\0' && digits < 32; ++at) {
    const int digit = hex_digit(*at);
    if (digit < 0) continue;
    bytes[digits / 2] = (char)(bytes[digits / 2] << 4 | digit);
    ++digits;
  }
}

// The numbers of an H100, where a kernel's launch is planned by them.
EXPORT cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device) {
  const cudaError_t error = check(device);
  if (error != cudaSuccess) return error;
  const struct board_device *entry = &board()->devices[board_index(device)];
  memset(properties, 0, sizeof *properties);
  snprintf(properties->name, sizeof properties->name, "%s", entry->name);
  read_uuid(entry->uuid, properties->uuid.bytes);
  properties->totalGlobalMem = entry->total_bytes;
  properties->major = 9;
  properties->multiProcessorCount = 132;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  properties->maxThreadsPerMultiProcessor = 2048;
  properties->maxBlocksPerMultiProcessor = 32;
  properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = 1024;
  properties->maxThreadsDim[2] = 64;
  properties->maxGridSize[0] = 2147483647;
  properties->maxGridSize[1] = properties->maxGridSize[2] = 65535;
  properties->sharedMemPerBlock = 48 << 10;
  properties->sharedMemPerBlockOptin = 227 << 10;
  properties->sharedMemPerMultiprocessor = 228 << 10;
  properties->regsPerBlock = properties->regsPerMultiprocessor = 65536;
  properties->totalConstMem = 64 << 10;
  properties->textureAlignment = 512;
  properties->l2CacheSize = 50 << 20;
  properties->memoryBusWidth = 5120;
  properties->asyncEngineCount = 3;
  properties->concurrentKernels = 1;
  properties->unifiedAddressing = 1;
  properties->canMapHostMemory = 1;
  properties->pciBusID = (int)entry->gpu + 1;
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
  struct cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, device);
  if (error != cudaSuccess) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: *value = properties.maxThreadsPerBlock; break;
    case cudaDevAttrMultiProcessorCount: *value = properties.multiProcessorCount; break;
    case cudaDevAttrWarpSize: *value = properties.warpSize; break;
    case cudaDevAttrComputeCapabilityMajor: *value = properties.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = properties.minor; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = (int)properties.sharedMemPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = (int)properties.sharedMemPerBlockOptin; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = (int)properties.sharedMemPerMultiprocessor; break;
    // Properties that are either there or not: none of them is.
    default: *value = 0;
  }
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceGetPCIBusId(char *text, int length, int device) {
  const cudaError_t error = check(device);
  if (error != cudaSuccess) return error;
  snprintf(text, (size_t)length, "00000000:%02X:00.0", (int)board()->devices[board_index(device)].gpu + 1);
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int peer) {
  *can = 0;
  const cudaError_t error = check(device);
  return error == cudaSuccess ? check(peer) : error;
}

EXPORT cudaError_t cudaDriverGetVersion(int *version) {
  *version = (int)board()->driver_version;
  return cudaSuccess;
}

EXPORT cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
