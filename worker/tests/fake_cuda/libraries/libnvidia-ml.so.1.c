// NVML, the management library that comes with the driver and that some containers leave out. It sees every card and every
// MIG instance, whatever CUDA_VISIBLE_DEVICES says.
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/library.h"

enum { OK = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6 };

// A handle is an entry of the board: of a whole card, or of one of its MIG instances; of a card that is split, the first.
typedef struct board_device *handle;

static int is_mig(handle device) { return strncmp(device->uuid, "MIG-", 4) == 0; }

static handle instance(unsigned gpu, unsigned index) {
  struct board *board = fake_cuda_board();
  for (unsigned i = 0, found = 0; i < board->device_count; ++i) {
    if (board->devices[i].gpu == gpu && found++ == index) return &board->devices[i];
  }
  return NULL;
}

int nvmlInit_v2(void) { return OK; }
int nvmlShutdown(void) { return OK; }

int nvmlSystemGetCudaDriverVersion_v2(int *version) {
  *version = (int)fake_cuda_board()->driver_version;
  return OK;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
  for (*count = 0; instance(*count, 0) != NULL;) ++*count;
  return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, handle *out) {
  *out = instance(index, 0);
  return *out == NULL ? INVALID_ARGUMENT : OK;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *text, handle *out) {
  unsigned domain = 0, bus = 0;
  if (sscanf(text, "%x:%x:", &domain, &bus) != 2 || bus == 0) return INVALID_ARGUMENT;
  return nvmlDeviceGetHandleByIndex_v2(bus - 1, out);
}

int nvmlDeviceGetName(handle device, char *text, unsigned length) {
  snprintf(text, length, "%s", device->name);
  return OK;
}

int nvmlDeviceGetUUID(handle device, char *text, unsigned length) {
  snprintf(text, length, "%s", device->uuid);
  return OK;
}

int nvmlDeviceGetMigMode(handle device, unsigned *current, unsigned *pending) {
  *current = *pending = (unsigned)is_mig(device);
  return OK;
}

int nvmlDeviceGetMaxMigDeviceCount(handle device, unsigned *count) {
  *count = is_mig(device) ? 7 : 0;
  return OK;
}

int nvmlDeviceGetMigDeviceHandleByIndex(handle device, unsigned index, handle *out) {
  *out = is_mig(device) ? instance((unsigned)device->gpu, index) : NULL;
  return *out == NULL ? NOT_FOUND : OK;
}

// What libtorch's allocator asks for the message of an allocation that fails: who else uses the card. Some cards do not
// answer that, such as virtual ones.
int nvmlDeviceGetComputeRunningProcesses(handle device, unsigned *count, void *processes) {
  (void)device, (void)processes;
  if (fake_cuda_board()->nvml_refuses) return NOT_SUPPORTED;
  *count = 0;
  return OK;
}

// And for its expandable segments: whether the card is part of a fabric.
int nvmlDeviceGetGpuFabricInfoV(handle device, void *info) {
  (void)device, (void)info;
  return fake_cuda_board()->nvml_refuses ? NOT_SUPPORTED : OK;
}

int nvmlDeviceGetNvLinkRemoteDeviceType(void) { return NOT_SUPPORTED; }
int nvmlDeviceGetNvLinkRemotePciInfo_v2(void) { return NOT_SUPPORTED; }
