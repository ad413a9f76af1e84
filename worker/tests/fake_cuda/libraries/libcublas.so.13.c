// cuBLAS: what libtorch asks a handle, and matrix products as launches on the handle's stream.
#include <stdlib.h>

#include "../runtime/library.h"

// As distinct as real handles are: libtorch keeps a workspace for each handle and stream.
struct handle {
  void *stream;
  int math_mode, pointer_mode;
};

int cublasCreate_v2(struct handle **out) {
  *out = calloc(1, sizeof **out);
  return *out == NULL;
}

int cublasDestroy_v2(struct handle *handle) {
  free(handle);
  return 0;
}

int cublasSetStream_v2(struct handle *handle, void *stream) {
  handle->stream = stream;
  return 0;
}

int cublasSetWorkspace_v2(struct handle *handle, void *workspace, unsigned long bytes) {
  (void)handle, (void)workspace, (void)bytes;
  return 0;
}

int cublasSetMathMode(struct handle *handle, int mode) {
  handle->math_mode = mode;
  return 0;
}

int cublasGetMathMode(struct handle *handle, int *mode) {
  *mode = handle->math_mode;
  return 0;
}

int cublasSetPointerMode_v2(struct handle *handle, int mode) {
  handle->pointer_mode = mode;
  return 0;
}

int cublasGetPointerMode_v2(struct handle *handle, int *mode) {
  *mode = handle->pointer_mode;
  return 0;
}

int cublasSetSmCountTarget(struct handle *handle, int count) {
  (void)handle, (void)count;
  return 0;
}

// All that compute: their arguments after the handle do not matter here.
#define COMPUTES(name) \
  int name(struct handle *handle) { return fake_cuda_launch(#name, handle->stream); }

COMPUTES(cublasSgemm_v2)
COMPUTES(cublasDgemm_v2)
COMPUTES(cublasSgemv_v2)
COMPUTES(cublasDgemv_v2)
COMPUTES(cublasSdot_v2)
COMPUTES(cublasDdot_v2)
COMPUTES(cublasDotEx)
COMPUTES(cublasGemmEx)
COMPUTES(cublasSgemmEx)
COMPUTES(cublasSgemmStridedBatched)
COMPUTES(cublasDgemmStridedBatched)
COMPUTES(cublasGemmStridedBatchedEx)
