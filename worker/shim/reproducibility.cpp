#include <ATen/Context.h>

#include "error.h"
#include "shim.h"

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

}  // extern "C"
