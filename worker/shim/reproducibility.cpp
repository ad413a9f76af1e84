#include <cstring>
#include <mutex>

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "error.h"
#include "shim.h"

namespace {

at::Generator generator_of(int8_t device_type, int8_t index) {
  return at::globalContext().defaultGenerator(at::Device(static_cast<at::DeviceType>(device_type), index));
}

}  // namespace

extern "C" {

bs_status bs_set_deterministic(bool on) {
  return batchsweep::guarded([&] {
    auto& context = at::globalContext();
    context.setBenchmarkCuDNN(false);
    context.setDeterministicCuDNN(on);
    context.setDeterministicAlgorithms(on, /*warn_only=*/true);
    // Otherwise deterministic mode also fills every new tensor with NaN before its first use.
    context.setDeterministicFillUninitializedMemory(false);
  });
}

bs_status bs_set_tf32(bool on) {
  return batchsweep::guarded([&] {
    at::globalContext().setAllowTF32CuBLAS(on);
    at::globalContext().setAllowTF32CuDNN(on);
  });
}

bs_status bs_rng_get(int8_t device_type, int8_t index, uint8_t* state, size_t* size) {
  return batchsweep::guarded([&] {
    auto generator = generator_of(device_type, index);
    std::lock_guard<std::mutex> lock(generator.mutex());
    const at::Tensor bytes = generator.get_state();
    const size_t needed = bytes.nbytes();
    TORCH_CHECK(needed <= *size, "the generator's state has ", needed, " bytes, the buffer only ", *size);
    std::memcpy(state, bytes.const_data_ptr(), needed);
    *size = needed;
  });
}

bs_status bs_rng_set(int8_t device_type, int8_t index, const uint8_t* state, size_t size) {
  return batchsweep::guarded([&] {
    at::Tensor bytes = at::empty({static_cast<int64_t>(size)}, at::kByte);
    std::memcpy(bytes.mutable_data_ptr(), state, size);
    auto generator = generator_of(device_type, index);
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(bytes);
  });
}

}  // extern "C"
