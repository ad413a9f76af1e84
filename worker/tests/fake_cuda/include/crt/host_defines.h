// NVIDIA's headers in the runtime's wheel ask for this one, which is in the compiler's wheel. All that they need of it to be
// read by a C compiler are these names.
#pragma once

#define CUDARTAPI
#define CUDARTAPI_CDECL
#define CUDA_CB
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_align__(n) __attribute__((aligned(n)))
#define __cudart_builtin__
#define __device__
#define __device_builtin__
#define __device_builtin_surface_type__
#define __device_builtin_texture_type__
#define __host__
#define __inline__ inline
#define __no_return__
#define __noinline__
