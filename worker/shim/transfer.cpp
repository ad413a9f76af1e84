// Copies from the host to an accelerator beside its computing: page-locked staging memory, and a lane (a second
// stream) that the computing stream waits for only when it needs what was sent. Through c10's generic streams and events,
// so neither building nor linking this needs a CUDA toolkit.
#include <memory>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "error.h"
#include "shim.h"

struct bs_lane {
  c10::Device device;
  c10::Stream stream;
};

struct bs_arrival {
  c10::Device device;
  c10::Event event;
};

namespace {

c10::Stream computing_stream(c10::Device device) {
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device);
}

}  // namespace

extern "C" {

bs_status bs_pinned_empty(const at::Tensor* prototype, const int64_t* size, size_t dimensions, at::Tensor** out) {
  return batchsweep::guarded([&] {
    const auto options = prototype->options().device(c10::kCPU).pinned_memory(true);
    *out = new at::Tensor(at::empty(c10::IntArrayRef(size, dimensions), options));
  });
}

bs_status bs_lane_open(int8_t device_type, int8_t index, bs_lane** out) {
  return batchsweep::guarded([&] {
    const c10::Device device(static_cast<c10::DeviceType>(device_type), index);
    *out = new bs_lane{device, c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device)};
  });
}

void bs_lane_close(bs_lane* lane) { delete lane; }

bs_status bs_lane_send(const bs_lane* lane, at::Tensor* const* staged, size_t count, at::Tensor** out,
                       bs_arrival** arrival) {
  return batchsweep::guarded([&] {
    // Allocated for the computing stream, as everything else is: what is counted and reused there stays exact.
    std::vector<at::Tensor> sent;
    for (size_t i = 0; i < count; ++i) {
      const auto options = staged[i]->options().device(lane->device).pinned_memory(false);
      sent.push_back(at::empty(staged[i]->sizes(), options));
    }
    // Memory that was used before may still be read by kernels that were queued, and only by these.
    c10::Event free(lane->device.type());
    free.record(computing_stream(lane->device));
    free.block(lane->stream);
    c10::Event done(lane->device.type());
    {
      const c10::StreamGuard guard(lane->stream);
      for (size_t i = 0; i < count; ++i) sent[i].copy_(*staged[i], /*non_blocking=*/true);
      done.record(lane->stream);
    }
    *arrival = new bs_arrival{lane->device, std::move(done)};
    for (size_t i = 0; i < count; ++i) out[i] = new at::Tensor(std::move(sent[i]));
  });
}

bs_status bs_arrival_await(bs_arrival* arrival) {
  return batchsweep::guarded([&] {
    const std::unique_ptr<bs_arrival> owned(arrival);
    owned->event.block(computing_stream(owned->device));
  });
}

}  // extern "C"
