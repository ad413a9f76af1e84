// A c10::Allocator for the CPU that counts the bytes of live tensor storage exactly as requested (no rounding),
// and refuses what would pass a limit, so that "it does not fit" happens for real and can be tested without a
// GPU. oneDNN's scratch memory comes through here too. OpenMP's and MKL's private buffers, autograd's graph
// nodes and the program itself do not: this is tensor storage, not the process's resident set.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Backtrace.h>
#include <c10/util/Logging.h>

#include "error.h"
#include "shim.h"

namespace {

// c10's own CPU allocator promises this alignment to vectorised kernels.
constexpr size_t kAlignment = 64;
// From here on data begins on a page of its own, as it would without a header.
constexpr size_t kPage = 4096;
constexpr size_t kLarge = 16 * kPage;

std::atomic<uint64_t> current{0};
std::atomic<uint64_t> peak{0};
std::atomic<uint64_t> limit{0};
std::atomic<uint64_t> allocations{0};
std::atomic<uint64_t> ooms{0};
// Allocations left until the one that fails; 0 is disarmed.
std::atomic<uint64_t> fail_countdown{0};

// Just before the data. `start` is what free() takes.
struct Header {
  void* start;
  uint64_t size;
};
static_assert(sizeof(Header) <= kAlignment);

Header* header_of(void* data) { return static_cast<Header*>(data) - 1; }

[[noreturn]] void refuse(size_t size, const char* why) {
  ooms.fetch_add(1, std::memory_order_relaxed);
  TORCH_CHECK_WITH(OutOfMemoryError, false, "CPU out of memory: tried to allocate ", size, " bytes with ",
                   current.load(std::memory_order_relaxed), " bytes in use; ", why);
  std::abort();  // Not reached: the check above throws.
}

// Claims `size` bytes against the limit, or throws.
void claim(size_t size) {
  if (fail_countdown.load(std::memory_order_relaxed) != 0 &&
      fail_countdown.fetch_sub(1, std::memory_order_relaxed) == 1) {
    refuse(size, "a test asked this allocation to fail");
  }
  const uint64_t now = current.fetch_add(size, std::memory_order_relaxed) + size;
  const uint64_t allowed = limit.load(std::memory_order_relaxed);
  if (allowed != 0 && now > allowed) {
    current.fetch_sub(size, std::memory_order_relaxed);
    refuse(size, ("the memory budget is " + std::to_string(allowed) + " bytes").c_str());
  }
  uint64_t highest = peak.load(std::memory_order_relaxed);
  while (now > highest && !peak.compare_exchange_weak(highest, now, std::memory_order_relaxed)) {
  }
}

void release(void* data) {
  if (data == nullptr) return;
  const Header header = *header_of(data);
  current.fetch_sub(header.size, std::memory_order_relaxed);
  std::free(header.start);
}

// A step frees its activations and the next one asks for the same again. By default glibc gives large blocks back to the
// kernel, which then clears their pages anew in every step: a quarter of a small CNN's time.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
}

struct CountingAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t size) override {
    const c10::Device cpu(c10::DeviceType::CPU);
    if (size == 0) return {nullptr, nullptr, &release, cpu};
    claim(size);
    const size_t offset = size >= kLarge ? kPage : kAlignment;
    void* start = nullptr;
    if (posix_memalign(&start, offset, offset + size) != 0) {
      current.fetch_sub(size, std::memory_order_relaxed);
      refuse(size, "the system has no more");
    }
    void* data = static_cast<char*>(start) + offset;
    *header_of(data) = {start, size};
    allocations.fetch_add(1, std::memory_order_relaxed);
    return {data, data, &release, cpu};
  }

  // Data and context are the same pointer, as oneDNN's raw_allocate requires.
  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, size_t size) const override { default_copy_data(to, from, size); }
};

}  // namespace

extern "C" {

bs_status bs_cpu_install() {
  return batchsweep::guarded([] {
    static const bool installed = [] {
      // Leaked on purpose: tensors may outlive static destruction.
      c10::SetCPUAllocator(new CountingAllocator, /*priority=*/100);
      keep_freed_memory();
      // A failed allocation is part of normal work here; C++ frames beside each one help nobody and are slow.
      const auto none = std::make_shared<c10::PrecomputedLazyValue<std::string>>("");
      c10::SetStackTraceFetcher(std::function<c10::Backtrace()>([none]() -> c10::Backtrace { return none; }));
      return true;
    }();
    (void)installed;
  });
}

void bs_cpu_stats(bs_cpu_memory* out) {
  out->current = current.load();
  out->peak = peak.load();
  out->limit = limit.load();
  out->allocations = allocations.load();
  out->ooms = ooms.load();
}

void bs_cpu_release_freed() { malloc_trim(0); }
void bs_cpu_reset_peak() { peak.store(current.load()); }
void bs_cpu_set_limit(uint64_t bytes) { limit.store(bytes); }
void bs_cpu_fail_at(uint64_t k) { fail_countdown.store(k); }

}  // extern "C"
