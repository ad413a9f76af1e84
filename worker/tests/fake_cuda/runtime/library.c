// What the stand-ins for other libraries call.
#include <stdio.h>

#include "fake.h"
#include "library.h"

EXPORT struct board *fake_cuda_board(void) { return board(); }

EXPORT int fake_cuda_launch(const char *name, void *stream) { return (int)launch(name, stream); }

EXPORT int fake_cuda_unsupported(const char *name) {
  // Said aloud, so that whoever meets a failure that only this runtime has knows why.
  fprintf(stderr, "fake CUDA: %s is not supported\n", name);
  count(&board()->unsupported_calls);
  trace("unsupported", name);
  return (int)fail(cudaErrorNotSupported);
}

EXPORT int fake_cuda_compiler(const char *name) {
  count(&board()->compiler_calls);
  trace("compile", name);
  return (int)cudaErrorNotSupported;
}

EXPORT void *fake_cuda_driver(const char *name) { return device_function(name); }
