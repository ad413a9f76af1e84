// One call is one optimizer step over all parameters. Everything a step writes exists before it, so on the CPU
// no step allocates, and none can stop half-way with some parameters updated and others not.
#include <cmath>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/stack.h>

#include "error.h"
#include "shim.h"

namespace {

using Handles = at::Tensor* const*;

// The parameters that have a gradient, and whatever stands beside them in lists of the same length.
struct Taking {
  Handles parameters;
  size_t count;

  std::vector<at::Tensor> weights() const { return beside(parameters); }

  std::vector<at::Tensor> gradients() const {
    std::vector<at::Tensor> list;
    list.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      if (takes_part(i)) list.push_back(parameters[i]->grad());
    }
    return list;
  }

  // Of another list. None gives none.
  std::vector<at::Tensor> beside(Handles handles) const {
    std::vector<at::Tensor> list;
    if (handles == nullptr) return list;
    list.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      if (takes_part(i)) list.push_back(*handles[i]);
    }
    return list;
  }

  bool takes_part(size_t i) const { return parameters[i]->grad().defined(); }
};

}  // namespace

extern "C" {

bs_status bs_fused_sgd(Handles parameters, Handles momentum_buffers, size_t count, double learning_rate,
                       double momentum, double weight_decay, bool nesterov) {
  return batchsweep::guarded([&] {
    at::NoGradGuard no_grad;
    const Taking taking{parameters, count};
    const auto grads = taking.gradients();
    if (grads.empty()) return;
    // Not "the first step" even when it is: with a buffer of zeros, m * 0 + g is g, as the first step wants.
    at::_fused_sgd_(taking.weights(), grads, taking.beside(momentum_buffers), weight_decay, momentum, learning_rate,
                    /*dampening=*/0.0, nesterov, /*maximize=*/false, /*is_first_step=*/false);
  });
}

bs_status bs_fused_adam(Handles parameters, Handles first_moments, Handles second_moments, at::Tensor* step,
                        size_t count, double step_number, const bs_adam* adam) {
  return batchsweep::guarded([&] {
    at::NoGradGuard no_grad;
    const Taking taking{parameters, count};
    const auto grads = taking.gradients();
    if (grads.empty()) return;
    step->fill_(step_number);
    const auto weights = taking.weights();
    const auto first = taking.beside(first_moments);
    const auto second = taking.beside(second_moments);
    // All parameters are at the same step, so they share its tensor.
    const std::vector<at::Tensor> steps(grads.size(), *step);
    if (adam->decoupled) {
      at::_fused_adamw_(weights, grads, first, second, {}, steps, adam->learning_rate, adam->beta1, adam->beta2,
                        adam->weight_decay, adam->epsilon, /*amsgrad=*/false, /*maximize=*/false);
    } else {
      at::_fused_adam_(weights, grads, first, second, {}, steps, adam->learning_rate, adam->beta1, adam->beta2,
                       adam->weight_decay, adam->epsilon, /*amsgrad=*/false, /*maximize=*/false);
    }
  });
}

bs_status bs_rmsprop_step(Handles parameters, Handles square_averages, Handles momentum_buffers, size_t count,
                          const bs_rmsprop* rmsprop) {
  return batchsweep::guarded([&] {
    at::NoGradGuard no_grad;
    const Taking taking{parameters, count};
    for (size_t i = 0; i < count; ++i) {
      if (!taking.takes_part(i)) continue;
      at::Tensor weights = *parameters[i];
      at::Tensor gradient = weights.grad();
      at::Tensor square_average = *square_averages[i];
      if (rmsprop->weight_decay != 0.0) gradient.add_(weights, rmsprop->weight_decay);
      square_average.mul_(*rmsprop->alpha_scalar).addcmul_(gradient, gradient, 1.0 - rmsprop->alpha);
      at::Tensor denominator = rmsprop->scratch->narrow(0, 0, weights.numel()).view(weights.sizes());
      at::sqrt_out(denominator, square_average).add_(*rmsprop->epsilon_scalar);
      if (momentum_buffers != nullptr) {
        at::Tensor buffer = *momentum_buffers[i];
        buffer.mul_(*rmsprop->momentum_scalar).addcdiv_(gradient, denominator);
        weights.add_(buffer, -rmsprop->learning_rate);
      } else {
        weights.addcdiv_(gradient, denominator, -rmsprop->learning_rate);
      }
    }
  });
}

bs_status bs_clear_gradients(Handles parameters, size_t count) {
  return batchsweep::guarded([&] {
    for (size_t i = 0; i < count; ++i) parameters[i]->mutable_grad().reset();
  });
}

bs_status bs_gradient_norm(Handles parameters, size_t count, at::Tensor** out) {
  return batchsweep::guarded([&] {
    at::NoGradGuard no_grad;
    const auto gradients = Taking{parameters, count}.gradients();
    TORCH_CHECK(!gradients.empty(), "no parameter has a gradient");
    if (gradients.front().is_cpu()) {
      // One by one: this way it takes the memory of one scalar, which every step has had before.
      double squares = 0.0;
      for (const at::Tensor& gradient : gradients) {
        const at::Tensor flat = gradient.reshape(-1);
        squares += at::dot(flat, flat).item<double>();
      }
      *out = new at::Tensor(at::scalar_tensor(std::sqrt(squares), at::kDouble));
      return;
    }
    // The norm of all norms. That is a few kernels however many parameters there are.
    const at::Tensor norms = at::stack(at::_foreach_norm(gradients, /*ord=*/2)).to(at::kDouble);
    *out = new at::Tensor(at::linalg_vector_norm(norms, /*ord=*/2));
  });
}

}  // extern "C"
