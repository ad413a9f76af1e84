#include <dlfcn.h>

#include "error.h"
#include "shim.h"

extern "C" bs_status bs_load_cuda() {
  return batchsweep::guarded([] {
    // Global, because libtorch_cpu.so finds the CUDA hooks by registration from this library's initialisers.
    // Found by the rpath of this program, as libtorch_cpu.so is.
    if (dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_GLOBAL) == nullptr) {
      const char* reason = dlerror();
      TORCH_CHECK(false, "libtorch_cuda.so cannot be loaded: ", reason == nullptr ? "no reason given" : reason);
    }
  });
}
