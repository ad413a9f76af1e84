// What is loaded only where CUDA is wanted, and found by name: libtorch's part for it, and the driver's library.
#include <dlfcn.h>

#include "error.h"
#include "shim.h"

namespace {

// As in NVIDIA's cuda.h: 0 is success.
using Result = int;

template <typename Function>
Function* find(void* library, const char* name) {
  auto* function = reinterpret_cast<Function*>(dlsym(library, name));
  TORCH_CHECK(function != nullptr, "the driver's libcuda.so.1 has no ", name);
  return function;
}

// A device as the driver's library has it.
class Device {
 public:
  explicit Device(int index) : driver_(dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) {
    TORCH_CHECK(driver_ != nullptr, "the driver's libcuda.so.1 cannot be loaded");
    const bool is_there = find<Result(unsigned)>(driver_, "cuInit")(0) == 0 &&
                          find<Result(int*, int)>(driver_, "cuDeviceGet")(&device_, index) == 0;
    TORCH_CHECK(is_there, "the driver has no CUDA device ", index);
  }

  // A function of the driver whose last argument is the device.
  template <typename... Arguments>
  Result call(const char* name, Arguments... arguments) const {
    return find<Result(Arguments..., int)>(driver_, name)(arguments..., device_);
  }

 private:
  void* driver_;
  int device_ = 0;
};

}  // namespace

extern "C" {

bs_status bs_load_cuda() {
  return batchsweep::guarded([] {
    // Global, because libtorch_cpu.so finds the CUDA hooks by registration from this library's initialisers.
    // Found by the rpath of this program, as libtorch_cpu.so is.
    if (dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_GLOBAL) == nullptr) {
      const char* reason = dlerror();
      TORCH_CHECK(false, "libtorch_cuda.so cannot be loaded: ", reason == nullptr ? "no reason given" : reason);
    }
  });
}

bool bs_can_load(const char* library) { return dlopen(library, RTLD_LAZY | RTLD_LOCAL) != nullptr; }

int32_t bs_cuda_driver_version() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  auto* get = driver == nullptr ? nullptr : reinterpret_cast<Result (*)(int*)>(dlsym(driver, "cuDriverGetVersion"));
  int version = 0;
  return get != nullptr && get(&version) == 0 ? version : 0;
}

bs_status bs_cuda_model(int32_t index, char* out, size_t room) {
  return batchsweep::guarded([&] {
    const Device device(index);
    const Result named = device.call<char*, int>("cuDeviceGetName", out, static_cast<int>(room));
    TORCH_CHECK(named == 0, "the driver has no name for CUDA device ", index);
  });
}

bs_status bs_cuda_uuid(int32_t index, uint8_t* out) {
  return batchsweep::guarded([&] {
    const Device device(index);
    const Result identified = device.call<void*>("cuDeviceGetUuid_v2", out);
    TORCH_CHECK(identified == 0, "the driver has no UUID for CUDA device ", index);
  });
}

}  // extern "C"
