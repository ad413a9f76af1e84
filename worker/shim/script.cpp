// Modules of the user's own, saved by torch.jit.save: loaded, looked into, run.
#include <sstream>
#include <string>
#include <unordered_set>
#include <vector>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/codegen/fuser/interface.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include "error.h"
#include "shim.h"

struct bs_module {
  torch::jit::Module module;
  std::vector<std::pair<std::string, at::Tensor>> trained, frozen, buffers;
  std::string signature;
};

namespace {

using Named = std::vector<std::pair<std::string, at::Tensor>>;

const Named& tensors_of(const bs_module* module, int32_t which) {
  switch (which) {
    case BS_TRAINED: return module->trained;
    case BS_FROZEN: return module->frozen;
    default: return module->buffers;
  }
}

}  // namespace

extern "C" {

bs_status bs_module_load(const char* path, int8_t device_type, int8_t index, bs_module** out) {
  return batchsweep::guarded([&] {
    // Operations run one by one, as in eager mode. The profiling executor would rewrite the graph after some runs: the
    // memory of a step, and its last bits, would then depend on how often the module was run before.
    torch::jit::getProfilingMode() = false;
    torch::jit::getExecutorMode() = false;
    // What is then left is an old fuser that is off on the CPU and on for CUDA, where it compiles kernels at run time.
    torch::jit::overrideCanFuseOnGPU(false);
    auto loaded = std::make_unique<bs_module>();
    const at::Device device(static_cast<at::DeviceType>(device_type), index);
    loaded->module = torch::jit::load(path, device, /*load_debug_files=*/false);
    std::unordered_set<const void*> seen;
    for (const auto& named : loaded->module.named_parameters(/*recurse=*/true)) {
      if (!seen.insert(named.value.unsafeGetTensorImpl()).second) continue;
      auto& home = named.value.requires_grad() && named.value.is_floating_point() ? loaded->trained : loaded->frozen;
      home.emplace_back(named.name, named.value);
    }
    for (const auto& named : loaded->module.named_buffers(/*recurse=*/true)) {
      // A slot may hold no tensor.
      if (!named.value.defined() || !seen.insert(named.value.unsafeGetTensorImpl()).second) continue;
      loaded->buffers.emplace_back(named.name, named.value);
    }
    const auto forward = loaded->module.find_method("forward");
    TORCH_CHECK(forward.has_value(), "the module has no method `forward`");
    const auto& schema = forward->function().getSchema();
    std::ostringstream text;
    text << schema;
    loaded->signature = text.str();
    // The first argument is the module itself.
    size_t required = 0;
    for (const auto& argument : schema.arguments()) required += argument.default_value().has_value() ? 0 : 1;
    TORCH_CHECK(schema.arguments().size() >= 2 && required <= 2,
                "`forward` must take one tensor, the inputs of a batch; it is `", loaded->signature, "`");
    *out = loaded.release();
  });
}

bs_status bs_module_convert(bs_module* module, int8_t scalar_type) {
  return batchsweep::guarded([&] {
    const auto kind = static_cast<at::ScalarType>(scalar_type);
    for (auto* tensors : {&module->trained, &module->frozen, &module->buffers}) {
      for (auto& named : *tensors) {
        at::Tensor& tensor = named.second;
        if (tensor.is_floating_point() && tensor.scalar_type() != kind) tensor.set_data(tensor.to(kind));
      }
    }
  });
}

void bs_module_free(bs_module* module) { delete module; }

size_t bs_module_count(const bs_module* module, int32_t which) { return tensors_of(module, which).size(); }

const char* bs_module_name(const bs_module* module, int32_t which, size_t i) {
  return tensors_of(module, which)[i].first.c_str();
}

at::Tensor* bs_module_tensor(const bs_module* module, int32_t which, size_t i) {
  return new at::Tensor(tensors_of(module, which)[i].second);
}

const char* bs_module_signature(const bs_module* module) { return module->signature.c_str(); }

bs_status bs_module_train(bs_module* module, bool on) {
  return batchsweep::guarded([&] { module->module.train(on); });
}

bool bs_module_has(const bs_module* module, const char* method) {
  return module->module.find_method(method).has_value();
}

bs_status bs_module_call(bs_module* module, const char* method) {
  return batchsweep::guarded([&] {
    at::NoGradGuard no_grad;
    module->module.get_method(method)({});
  });
}

bs_status bs_module_forward(bs_module* module, const at::Tensor* inputs, at::Tensor** out) {
  return batchsweep::guarded([&] {
    const auto value = module->module.forward({*inputs});
    TORCH_CHECK(value.isTensor(), "`forward` must return one tensor, (examples, classes); it returns ",
                value.type()->repr_str());
    *out = new at::Tensor(value.toTensor());
  });
}

}  // extern "C"
