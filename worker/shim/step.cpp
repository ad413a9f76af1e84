// What a training step needs besides forward and update: a backward that scales, and mixed precision.
#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>

#include "error.h"
#include "shim.h"

extern "C" {

bs_status bs_backward(const at::Tensor* loss, const at::Tensor* scale) {
  return batchsweep::guarded([&] { loss->backward(*scale); });
}

bs_status bs_autocast_enter(int8_t device_type, int8_t scalar_type) {
  return batchsweep::guarded([&] {
    const auto device = static_cast<at::DeviceType>(device_type);
    at::autocast::set_autocast_dtype(device, static_cast<at::ScalarType>(scalar_type));
    at::autocast::set_autocast_enabled(device, true);
    // A weight is used once in a forward: kept converted it would only take memory.
    at::autocast::set_autocast_cache_enabled(false);
  });
}

bs_status bs_autocast_exit(int8_t device_type) {
  return batchsweep::guarded(
      [&] { at::autocast::set_autocast_enabled(static_cast<at::DeviceType>(device_type), false); });
}

}  // extern "C"
