#include "kernels/rmsprop.h"

#include "kernels/params.h"

namespace pe {

void rmsprop_step_check(const InOutList& params, const InList& grads, const InOutList& square_avgs,
                        const InOutList& grad_avgs, const InOutList& buffers, const InOutList& steps, In lr,
                        In momentum, double, double, double) {
  require_elements("lr", lr, 1);
  require_elements("momentum", momentum, 1);
  require_alike(params, "grads", grads);
  require_alike(params, "square_avgs", square_avgs);
  if (!grad_avgs.empty()) require_alike(params, "grad_avgs", grad_avgs);
  if (!buffers.empty()) require_alike(params, "buffers", buffers);
  require_steps(params, steps);
}

}  // namespace pe
