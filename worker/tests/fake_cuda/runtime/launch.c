// Kernels: registered by the libraries as they load, counted when they are launched, and never computed.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

// --- names ------------------------------------------------------------------------------------------------------------

struct kernel {
  const void *function;
  const char *name;
};

static struct kernel *kernels;
static size_t length, room;
static bool is_sorted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// NVIDIA's compiler writes calls of these into every library; no header declares them.
void **__cudaRegisterFatBinary(void *binary);
void __cudaRegisterFatBinaryEnd(void **handle);
void __cudaUnregisterFatBinary(void **handle);
void __cudaRegisterFunction(void **handle, const char *function, char *device_function, const char *name, int limit,
                            uint3 *thread, uint3 *block, dim3 *block_size, dim3 *grid_size, int *warp_size);
void __cudaRegisterVar(void **handle, char *host, char *address, const char *name, int is_external, size_t bytes,
                       int is_constant, int is_global);
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes, struct CUstream_st *stream);
cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared_bytes, void *stream);
cudaError_t __cudaGetKernel(cudaKernel_t *out, const void *function);
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **arguments, size_t shared_bytes,
                               cudaStream_t stream);

EXPORT void **__cudaRegisterFatBinary(void *binary) {
  static void *handle;
  (void)binary;
  return &handle;
}

EXPORT void __cudaRegisterFatBinaryEnd(void **handle) { (void)handle; }
EXPORT void __cudaUnregisterFatBinary(void **handle) { (void)handle; }

EXPORT void __cudaRegisterFunction(void **handle, const char *function, char *device_function, const char *name,
                                   int limit, uint3 *thread, uint3 *block, dim3 *block_size, dim3 *grid_size,
                                   int *warp_size) {
  (void)handle, (void)device_function, (void)limit, (void)thread, (void)block, (void)block_size, (void)grid_size;
  (void)warp_size;
  pthread_mutex_lock(&lock);
  if (length == room) {
    room = room == 0 ? 1 << 15 : 2 * room;
    kernels = realloc(kernels, room * sizeof *kernels);
    if (kernels == NULL) abort();
  }
  kernels[length++] = (struct kernel){function, name};
  is_sorted = false;
  pthread_mutex_unlock(&lock);
}

EXPORT void __cudaRegisterVar(void **handle, char *host, char *address, const char *name, int is_external,
                              size_t bytes, int is_constant, int is_global) {
  (void)handle, (void)host, (void)address, (void)name, (void)is_external, (void)bytes, (void)is_constant;
  (void)is_global;
}

static int by_function(const void *a, const void *b) {
  const struct kernel *first = a, *second = b;
  return (first->function > second->function) - (first->function < second->function);
}

static const char *name_of(const void *function) {
  const struct kernel wanted = {function, NULL};
  pthread_mutex_lock(&lock);
  if (!is_sorted) qsort(kernels, length, sizeof *kernels, by_function);
  is_sorted = true;
  const struct kernel *found = bsearch(&wanted, kernels, length, sizeof *kernels, by_function);
  pthread_mutex_unlock(&lock);
  return found == NULL ? "a kernel that nobody registered" : found->name;
}

// --- launches ---------------------------------------------------------------------------------------------------------

static void run(struct work *work) {
  if (work->detail != 0) break_device();
}

cudaError_t launch(const char *name, cudaStream_t stream) {
  RETURN_IF_BROKEN();
  struct board_device *device = current_device();
  if (open_context(current_index()) != cudaSuccess) return cudaErrorMemoryAllocation;
  count(&device->launches);
  trace("launch", name);
  enqueue(stream, (struct work){.run = run, .detail = is_due(&device->break_at_launch)});
  return cudaSuccess;
}

EXPORT cudaError_t cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **arguments,
                                    size_t shared_bytes, cudaStream_t stream) {
  (void)grid, (void)block, (void)arguments, (void)shared_bytes;
  return launch(name_of(function), stream);
}

EXPORT cudaError_t cudaLaunchCooperativeKernel(const void *function, dim3 grid, dim3 block, void **arguments,
                                               size_t shared_bytes, cudaStream_t stream) {
  return cudaLaunchKernel(function, grid, block, arguments, shared_bytes, stream);
}

EXPORT cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *configuration, const void *function,
                                       void **arguments) {
  (void)arguments;
  return launch(name_of(function), configuration->stream);
}

// A kernel's handle is its function.
EXPORT cudaError_t __cudaGetKernel(cudaKernel_t *out, const void *function) {
  *out = (cudaKernel_t)function;
  return cudaSuccess;
}

EXPORT cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **arguments,
                                      size_t shared_bytes, cudaStream_t stream) {
  return cudaLaunchKernel(kernel, grid, block, arguments, shared_bytes, stream);
}

// `kernel<<<grid, block, shared_bytes, stream>>>(...)` pushes what stands in the brackets; the call then takes it back.
static _Thread_local struct {
  dim3 grid, block;
  size_t shared_bytes;
  cudaStream_t stream;
} pushed;

EXPORT unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes, struct CUstream_st *stream) {
  pushed.grid = grid;
  pushed.block = block;
  pushed.shared_bytes = shared_bytes;
  pushed.stream = stream;
  return 0;
}

EXPORT cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared_bytes, void *stream) {
  *grid = pushed.grid;
  *block = pushed.block;
  *shared_bytes = pushed.shared_bytes;
  *(cudaStream_t *)stream = pushed.stream;
  return cudaSuccess;
}

// --- what launches are planned by -------------------------------------------------------------------------------------

EXPORT cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *function,
                                                                          int block_size, size_t shared_bytes,
                                                                          unsigned flags) {
  (void)function, (void)block_size, (void)shared_bytes, (void)flags;
  *blocks = 2;
  return cudaSuccess;
}

EXPORT cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *function, int block_size,
                                                                 size_t shared_bytes) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, block_size, shared_bytes, 0);
}

EXPORT cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *function) {
  (void)function;
  memset(attributes, 0, sizeof *attributes);
  attributes->maxThreadsPerBlock = 1024;
  attributes->numRegs = 32;
  return cudaSuccess;
}

EXPORT cudaError_t cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute attribute, int value) {
  (void)function, (void)attribute, (void)value;
  return cudaSuccess;
}
