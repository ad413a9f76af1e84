// Memory of an accelerator, through virtual functions of c10's caching allocators only, so that neither building nor
// linking this needs a CUDA toolkit.
#include <algorithm>

#include <c10/core/AllocatorConfig.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/cuda/CUDACachingAllocator.h>

#include "error.h"
#include "shim.h"

namespace {

// Index 0 of a StatArray is the total over the small and the large pool.
constexpr size_t kAggregate = 0;

c10::DeviceAllocator* allocator_of(int8_t device_type) {
  return c10::getDeviceAllocator(static_cast<c10::DeviceType>(device_type));
}

}  // namespace

extern "C" {

bs_status bs_device_stats(int8_t device_type, int8_t index, bs_device_memory* out) {
  return batchsweep::guarded([&] {
    auto* allocator = allocator_of(device_type);
    const auto stats = allocator->getDeviceStats(index);
    const auto [free, total] = allocator->getMemoryInfo(index);
    *out = bs_device_memory{};
    out->allocated = stats.allocated_bytes[kAggregate].current;
    out->allocated_peak = stats.allocated_bytes[kAggregate].peak;
    out->reserved = stats.reserved_bytes[kAggregate].current;
    out->reserved_peak = stats.reserved_bytes[kAggregate].peak;
    out->requested = stats.requested_bytes[kAggregate].current;
    out->requested_peak = stats.requested_bytes[kAggregate].peak;
    out->ooms = stats.num_ooms;
    out->retries = stats.num_alloc_retries;
    out->free = free;
    out->total = total;
  });
}

bs_status bs_device_reset_peak(int8_t device_type, int8_t index) {
  return batchsweep::guarded([&] { allocator_of(device_type)->resetPeakStats(index); });
}

bs_status bs_device_empty_cache(int8_t device_type) {
  return batchsweep::guarded([&] { allocator_of(device_type)->emptyCache(); });
}

bs_status bs_cuda_expand_segments(bool on) {
  return batchsweep::guarded([&] {
    c10::CachingAllocator::setAllocatorSettings(on ? "expandable_segments:True" : "expandable_segments:False");
  });
}

bs_status bs_cuda_set_limit(int8_t index, uint64_t bytes) {
  return batchsweep::guarded([&] {
    // Not through the setting of the same name, which the allocator reads once, as it is made.
    using c10::cuda::CUDACachingAllocator::CUDAAllocator;
    auto* allocator = static_cast<CUDAAllocator*>(allocator_of(static_cast<int8_t>(c10::DeviceType::CUDA)));
    const auto total = static_cast<double>(allocator->getMemoryInfo(index).second);
    allocator->setMemoryFraction(std::min(1.0, static_cast<double>(bytes) / total), index);
  });
}

}  // extern "C"
