// Memory of the device, counted and refused as a real one's, and pinned memory of the host.
#include <stdlib.h>
#include <sys/mman.h>

#include "fake.h"

// A device hands memory out in pages of this size.
static const size_t page = 2 << 20;

static size_t whole_pages(size_t bytes) { return (bytes + page - 1) / page * page; }

EXPORT cudaError_t cudaMalloc(void **out, size_t bytes) {
  RETURN_IF_BROKEN();
  const int device = current_index();
  struct board_device *entry = &board()->devices[device];
  if (open_context(device) != cudaSuccess) return cudaErrorMemoryAllocation;
  count(&entry->allocations);
  trace("allocate", "cudaMalloc");
  if (is_refused(entry) || !take_memory(device, whole_pages(bytes))) {
    count(&entry->refused_allocations);
    return fail(cudaErrorMemoryAllocation);
  }
  // Pages that no copy touches take no memory of the host.
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  *out = mmap(NULL, whole_pages(bytes), PROT_READ | PROT_WRITE, flags, -1, 0);
  if (*out == MAP_FAILED) abort();
  add_range((struct range){*out, whole_pages(bytes), PLACE_DEVICE, device});
  return cudaSuccess;
}

EXPORT cudaError_t cudaFree(void *start) {
  RETURN_IF_BROKEN();
  if (start == NULL) return cudaSuccess;
  struct range range;
  // Freeing waits for all work that may still use the memory.
  wait_for_all_streams("cudaFree");
  if (!remove_range(start, &range)) return fail(cudaErrorInvalidValue);
  munmap(range.start, range.bytes);
  give_back_memory(range.device, range.bytes);
  return cudaSuccess;
}

EXPORT cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
  RETURN_IF_BROKEN();
  const int device = current_index();
  if (open_context(device) != cudaSuccess) return cudaErrorMemoryAllocation;
  *free_bytes = free_memory(device);
  *total_bytes = board()->devices[device].total_bytes;
  return cudaSuccess;
}

EXPORT cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned flags) {
  (void)flags;
  RETURN_IF_BROKEN();
  const size_t host_page = 4096;
  *out = aligned_alloc(host_page, (bytes + host_page - 1) / host_page * host_page);
  if (*out == NULL) return fail(cudaErrorMemoryAllocation);
  add_range((struct range){*out, bytes, PLACE_PINNED, current_index()});
  return cudaSuccess;
}

EXPORT cudaError_t cudaFreeHost(void *start) {
  RETURN_IF_BROKEN();
  struct range range;
  wait_for_all_streams("cudaFreeHost");
  if (!remove_range(start, &range)) return fail(cudaErrorInvalidValue);
  free(start);
  return cudaSuccess;
}

EXPORT cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *address) {
  RETURN_IF_BROKEN();
  const struct range range = find_range(address);
  *attributes = (struct cudaPointerAttributes){.type = cudaMemoryTypeUnregistered};
  if (range.place == PLACE_PAGEABLE) return cudaSuccess;
  attributes->type = range.place == PLACE_DEVICE ? cudaMemoryTypeDevice : cudaMemoryTypeHost;
  attributes->device = process_index(range.device);
  attributes->devicePointer = (void *)address;
  attributes->hostPointer = range.place == PLACE_PINNED ? (void *)address : NULL;
  return cudaSuccess;
}
