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

bs_status bs_cuda_model(int32_t index, char* out, size_t room) {
  return batchsweep::guarded([&] {
    void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    TORCH_CHECK(driver != nullptr, "the driver's libcuda.so.1 cannot be loaded");
    int device = 0;
    const bool is_known = find<Result(unsigned)>(driver, "cuInit")(0) == 0 &&
                          find<Result(int*, int)>(driver, "cuDeviceGet")(&device, index) == 0 &&
                          find<Result(char*, int, int)>(driver, "cuDeviceGetName")(out, static_cast<int>(room), device) == 0;
    TORCH_CHECK(is_known, "the driver has no name for CUDA device ", index);
  });
}

}  // extern "C"
