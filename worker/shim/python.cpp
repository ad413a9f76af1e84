// Tensors and the objects that Python has for them. Nothing here is linked against Python or libtorch_python: where an
// interpreter has loaded them, they are in this process.
#include <dlfcn.h>

#include <ATen/core/Tensor.h>

#include "error.h"
#include "shim.h"

namespace {

// torch/csrc/autograd/python_variable.h: PyObject* THPVariable_Wrap(const at::TensorBase& var)
using Wrap = void* (*)(const at::TensorBase&);

Wrap find_wrap() {
  void* library = dlopen("libtorch_python.so", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  return reinterpret_cast<Wrap>(dlsym(library, "_Z16THPVariable_WrapRKN2at10TensorBaseE"));
}

// The same header: an object begins with its reference count and its type, then comes the tensor.
struct PythonTensor {
  size_t reference_count;
  void* type;
  at::Tensor tensor;
};

}  // namespace

extern "C" {

bs_status bs_python_wrap(const at::Tensor* tensor, void** object) {
  return batchsweep::guarded([&] {
    static const Wrap wrap = find_wrap();
    TORCH_CHECK(wrap != nullptr, "no Python interpreter with torch is in this process");
    *object = wrap(*tensor);
  });
}

at::Tensor* bs_python_unwrap(void* object) {
  return new at::Tensor(static_cast<PythonTensor*>(object)->tensor);
}

}  // extern "C"
