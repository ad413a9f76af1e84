// cuBLASLt: descriptions of matrix products are taken as they come, and there is one way to compute each.
#include <stdlib.h>

#include "../runtime/library.h"

static int make(void **out) {
  *out = malloc(1);
  return *out == NULL;
}

static int drop(void *description) {
  free(description);
  return 0;
}

int cublasLtMatmulDescCreate(void **out) { return make(out); }
int cublasLtMatmulDescDestroy(void *description) { return drop(description); }
int cublasLtMatmulDescSetAttribute(void) { return 0; }
int cublasLtMatmulPreferenceCreate(void **out) { return make(out); }
int cublasLtMatmulPreferenceDestroy(void *description) { return drop(description); }
int cublasLtMatmulPreferenceSetAttribute(void) { return 0; }
int cublasLtMatrixLayoutCreate(void **out) { return make(out); }
int cublasLtMatrixLayoutDestroy(void *description) { return drop(description); }
int cublasLtMatrixLayoutSetAttribute(void) { return 0; }
unsigned long cublasLtGetVersion(void) { return 130101; }

int cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b, void *c, void *d, void *preference,
                                   int wanted, void *results, int *found) {
  (void)handle, (void)operation, (void)a, (void)b, (void)c, (void)d, (void)preference, (void)wanted, (void)results;
  *found = 1;
  return 0;
}

int cublasLtMatmul(void *handle, void *operation, const void *alpha, const void *a, void *a_layout, const void *b,
                   void *b_layout, const void *beta, const void *c, void *c_layout, void *d, void *d_layout,
                   const void *algorithm, void *workspace, unsigned long workspace_bytes, void *stream) {
  (void)handle, (void)operation, (void)alpha, (void)a, (void)a_layout, (void)b, (void)b_layout, (void)beta, (void)c;
  (void)c_layout, (void)d, (void)d_layout, (void)algorithm, (void)workspace, (void)workspace_bytes;
  return fake_cuda_launch("cublasLtMatmul", stream);
}
