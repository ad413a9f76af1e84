// libtorch declares its CUDA allocator in a header that includes NVIDIA's. The shim calls that allocator only through its
// virtual functions, in a library that is loaded when it is needed. So all that the header has to find are these names,
// and building needs no CUDA toolkit. Nothing here is ever called.
#pragma once

#include <cstddef>

struct CUstream_st;
struct CUgraph_st;
using cudaStream_t = CUstream_st*;
using cudaGraph_t = CUgraph_st*;

enum cudaError_t { cudaSuccess = 0 };
enum cudaMemcpyKind { cudaMemcpyDefault = 4 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeRelaxed };
enum cudaStreamCaptureStatus {
  cudaStreamCaptureStatusNone,
  cudaStreamCaptureStatusActive,
  cudaStreamCaptureStatusInvalidated
};

cudaError_t cudaDeviceGetStreamPriorityRange(int*, int*);
cudaError_t cudaGetLastError();
cudaError_t cudaMemGetInfo(size_t*, size_t*);
cudaError_t cudaMemcpyAsync(void*, const void*, size_t, cudaMemcpyKind, cudaStream_t);
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t, cudaStreamCaptureStatus*, unsigned long long*, ...);
cudaError_t cudaStreamGetPriority(cudaStream_t, int*);
cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus*);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode*);
const char* cudaGetErrorString(cudaError_t);
