#include "kernels/adam.h"

#include "kernels/params.h"

namespace pe {

void adam_step_check(const InOutList& params, const InList& grads, const InOutList& exp_avgs,
                     const InOutList& exp_avg_sqs, const InOutList& max_exp_avg_sqs, const InOutList& steps, In lr,
                     In betas, double, double, bool) {
  require_elements("lr", lr, 1);
  require_elements("betas", betas, 2);
  require_alike(params, "grads", grads);
  require_alike(params, "exp_avgs", exp_avgs);
  require_alike(params, "exp_avg_sqs", exp_avg_sqs);
  if (!max_exp_avg_sqs.empty()) require_alike(params, "max_exp_avg_sqs", max_exp_avg_sqs);
  require_steps(params, steps);
}

}  // namespace pe
