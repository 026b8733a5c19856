#include "kernels/sgd.h"

#include "kernels/params.h"

namespace pe {

void sgd_step_check(const InOutList& params, const InList& grads, const InOutList& buffers, In lr, In momentum, double,
                    bool) {
  require_elements("lr", lr, 1);
  require_elements("momentum", momentum, 1);
  require_alike(params, "grads", grads);
  if (!buffers.empty()) require_alike(params, "buffers", buffers);
}

}  // namespace pe
