#include "kernels/sgd.h"

namespace pe {

void sgd_step_check(const InOutList& params, const InList& grads, const InOutList& buffers, In lr, double momentum,
                    double, bool) {
  require_float(lr);
  if (lr.size() != 1) throw ShapeError("lr has one element, not " + describe(lr));
  if (grads.size() != params.size())
    throw ShapeError(std::to_string(params.size()) + " params but " + std::to_string(grads.size()) + " grads");
  if (buffers.size() != (momentum == 0 ? 0 : params.size()) && buffers.size() != params.size())
    throw ShapeError(std::to_string(params.size()) + " params but " + std::to_string(buffers.size()) + " buffers");
  for (size_t i = 0; i < params.size(); ++i) {
    require_float(params[i]);
    for (const Array* other : {&grads[i], buffers.empty() ? &grads[i] : &buffers[i]}) {
      require_same_dtype(params[i], *other);
      if (!same_shape(params[i], *other))
        throw ShapeError("parameter " + std::to_string(i) + ": shapes differ: " + both(params[i], *other));
    }
  }
}

}  // namespace pe
