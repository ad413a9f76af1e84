// Loss and gradients of a chain of linear layers with a ReLU between every two, written out: the calls that libtorch's
// autograd would make, in its order of arithmetic, so the bits are the same. Recording a graph and walking it back costs
// four times as much as the arithmetic of a small batch, and keeps what the next layer has no use for.
#include <tuple>
#include <utility>
#include <vector>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/_log_softmax_backward_data.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/mse_loss_backward.h>
#include <ATen/ops/nll_loss_backward.h>
#include <ATen/ops/nll_loss_forward.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/threshold_backward.h>

#include "error.h"
#include "shim.h"

namespace {

// PyTorch's "ignore this example"; no label here is negative.
constexpr int64_t kIgnored = -100;

// The summed loss of `outputs`, and its gradient times `scale`.
std::pair<at::Tensor, at::Tensor> cross_entropy(at::Tensor outputs, const at::Tensor& targets,
                                                const at::Tensor& scale) {
  const at::Tensor log_probabilities = at::_log_softmax(outputs, 1, /*half_to_float=*/false);
  const auto type = outputs.scalar_type();
  outputs.reset();
  auto [sum, weight] = at::nll_loss_forward(log_probabilities, targets, {}, at::Reduction::Sum, kIgnored);
  const at::Tensor gradient =
      at::nll_loss_backward(scale, log_probabilities, targets, {}, at::Reduction::Sum, kIgnored, weight);
  return {std::move(sum), at::_log_softmax_backward_data(gradient, log_probabilities, 1, type)};
}

// Likewise, against targets of 1 for the right class and 0 for the others.
std::pair<at::Tensor, at::Tensor> squared_error(const at::Tensor& outputs, const at::Tensor& targets,
                                                const at::Tensor& scale) {
  const at::Tensor wanted = at::one_hot(targets, outputs.size(1)).to(outputs.scalar_type());
  at::Tensor sum = at::mse_loss(outputs, wanted, at::Reduction::Sum);
  return {std::move(sum), at::mse_loss_backward(scale, outputs, wanted, at::Reduction::Sum)};
}

// The first gradient is kept as it is, others are added to it.
void add_gradient(const at::Tensor& parameter, at::Tensor gradient) {
  at::Tensor& kept = parameter.mutable_grad();
  if (kept.defined()) {
    kept.add_(gradient);
  } else {
    kept = std::move(gradient);
  }
}

}  // namespace

extern "C" {

bs_status bs_chain_backward(at::Tensor* const* parameters, size_t layers, const at::Tensor* inputs,
                            const at::Tensor* targets, int32_t loss, const at::Tensor* scale, at::Tensor** out) {
  return batchsweep::guarded([&] {
    // Not merely without gradients: below what asks each tensor whether it wants one.
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    std::vector<at::Tensor> entering;  // what each layer was given
    entering.reserve(layers);
    at::Tensor value = inputs->dim() > 2 ? inputs->flatten(1) : *inputs;
    for (size_t i = 0; i < layers; ++i) {
      const at::Tensor &weight = *parameters[2 * i], &bias = *parameters[2 * i + 1];
      entering.push_back(std::move(value));
      value = at::addmm(bias, entering.back(), weight.t());
      if (i + 1 < layers) value.relu_();
    }
    auto [sum, gradient] = loss == BS_CROSS_ENTROPY ? cross_entropy(std::move(value), *targets, *scale)
                                                    : squared_error(value, *targets, *scale);
    value.reset();
    for (size_t i = layers; i-- > 0;) {
      const at::Tensor &weight = *parameters[2 * i], &bias = *parameters[2 * i + 1];
      add_gradient(weight, gradient.t().mm(entering[i]));
      add_gradient(bias, gradient.sum({0}, /*keepdim=*/false));
      if (i > 0) {
        gradient = gradient.mm(weight);
        at::threshold_backward_out(gradient, gradient, entering[i], 0);
      }
      entering.pop_back();
    }
    *out = new at::Tensor(std::move(sum));
  });
}

}  // extern "C"
