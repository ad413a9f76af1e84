// The driver's virtual memory, on which the allocator's expandable segments stand: addresses are reserved first, and
// memory is created and mapped there piece by piece.
#include <string.h>
#include <sys/mman.h>

#include <cuda.h>

#include "fake.h"

static const size_t granularity = 2 << 20;

// A handle is a piece of memory that is counted; where it is mapped does not matter to the count.
struct piece {
  size_t bytes;
  int device;
};

static CUresult get_granularity(size_t *out, const CUmemAllocationProp *properties,
                                CUmemAllocationGranularity_flags option) {
  (void)properties, (void)option;
  *out = granularity;
  return CUDA_SUCCESS;
}

static CUresult reserve(CUdeviceptr *out, size_t bytes, size_t alignment, CUdeviceptr wish, unsigned long long flags) {
  (void)alignment, (void)wish, (void)flags;
  char *start = mmap(NULL, bytes + granularity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  const size_t beyond = (size_t)start % granularity;
  char *aligned = beyond == 0 ? start : start + granularity - beyond;
  add_range((struct range){aligned, bytes, PLACE_DEVICE, current_index()});
  *out = (CUdeviceptr)aligned;
  return CUDA_SUCCESS;
}

static CUresult unreserve(CUdeviceptr start, size_t bytes) {
  struct range range;
  if (!remove_range((void *)start, &range)) return CUDA_ERROR_INVALID_VALUE;
  munmap((void *)start, bytes);
  return CUDA_SUCCESS;
}

static CUresult create(CUmemGenericAllocationHandle *out, size_t bytes, const CUmemAllocationProp *properties,
                       unsigned long long flags) {
  (void)flags;
  if (device_state() != cudaSuccess) return CUDA_ERROR_ILLEGAL_ADDRESS;
  const int device = board_index(properties->location.id);
  struct board_device *entry = &board()->devices[device];
  if (open_context(device) != cudaSuccess) return CUDA_ERROR_OUT_OF_MEMORY;
  count(&entry->allocations);
  trace("allocate", "cuMemCreate");
  if (is_refused(entry) || !take_memory(device, bytes)) {
    count(&entry->refused_allocations);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  struct piece *piece = malloc(sizeof *piece);
  if (piece == NULL) abort();
  *piece = (struct piece){bytes, device};
  *out = (CUmemGenericAllocationHandle)piece;
  return CUDA_SUCCESS;
}

static CUresult release(CUmemGenericAllocationHandle handle) {
  struct piece *piece = (struct piece *)handle;
  give_back_memory(piece->device, piece->bytes);
  free(piece);
  return CUDA_SUCCESS;
}

static CUresult map(CUdeviceptr start, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle,
                    unsigned long long flags) {
  (void)start, (void)offset, (void)flags;
  return bytes <= ((struct piece *)handle)->bytes ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static CUresult set_access(CUdeviceptr start, size_t bytes, const CUmemAccessDesc *access, size_t count) {
  (void)access, (void)count;
  return mprotect((void *)start, bytes, PROT_READ | PROT_WRITE) == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// Whoever touches the memory afterwards dies of it, as a kernel would.
static CUresult unmap(CUdeviceptr start, size_t bytes) {
  madvise((void *)start, bytes, MADV_DONTNEED);
  return mprotect((void *)start, bytes, PROT_NONE) == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

void *virtual_memory_function(const char *name) {
  static const struct {
    const char *name;
    void *function;
  } known[] = {
      {"cuMemGetAllocationGranularity", get_granularity},
      {"cuMemAddressReserve", reserve},
      {"cuMemAddressFree", unreserve},
      {"cuMemCreate", create},
      {"cuMemRelease", release},
      {"cuMemMap", map},
      {"cuMemSetAccess", set_access},
      {"cuMemUnmap", unmap},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    if (strcmp(name, known[i].name) == 0) return known[i].function;
  }
  return NULL;
}
