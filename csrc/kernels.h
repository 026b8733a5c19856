// The native kernel table: every kernel of a backend, with its contract, once; a header a family in kernels/.
//
// Each entry has an output rule (kernels/rules.h) and a kernel. bindings.cpp turns the list into Python functions,
// csrc/check links and runs every one of them, and a backend that forgets one does not link. In all contracts: inputs
// may have any strides, `out` may have any strides and may be the very same view as an input where the kernel is
// elementwise, otherwise it overlaps no input. T is float32 or float64. The definition of each kernel in NumPy is in
// pyengine/reference/<family>.py.
#pragma once

#include "kernels/activations.h"
#include "kernels/adam.h"
#include "kernels/attention.h"
#include "kernels/avg_pool.h"
#include "kernels/batch_norm.h"
#include "kernels/choose.h"
#include "kernels/clip.h"
#include "kernels/compare.h"
#include "kernels/conv2d.h"
#include "kernels/copy.h"
#include "kernels/cross_entropy.h"
#include "kernels/cross_entropy_rows.h"
#include "kernels/cumsum.h"
#include "kernels/dropout.h"
#include "kernels/elementwise.h"
#include "kernels/extremum.h"
#include "kernels/index.h"
#include "kernels/join.h"
#include "kernels/layer_norm.h"
#include "kernels/log_softmax.h"
#include "kernels/losses.h"
#include "kernels/matmul.h"
#include "kernels/max_pool.h"
#include "kernels/moments.h"
#include "kernels/power.h"
#include "kernels/quotient.h"
#include "kernels/random.h"
#include "kernels/recurrent.h"
#include "kernels/reduce.h"
#include "kernels/rms_norm.h"
#include "kernels/rmsprop.h"
#include "kernels/rotary_embedding.h"
#include "kernels/sgd.h"
#include "kernels/softmax.h"
#include "kernels/sort.h"
#include "kernels/unary.h"
#include "kernels/upsample.h"

namespace pe {

template <class Visitor>
void for_each_kernel(Visitor&& visit) {
  for_each_elementwise_kernel(visit);
  for_each_activations_kernel(visit);
  for_each_copy_kernel(visit);
  for_each_reduce_kernel(visit);
  for_each_extremum_kernel(visit);
  for_each_cumsum_kernel(visit);
  for_each_moments_kernel(visit);
  for_each_matmul_kernel(visit);
  for_each_conv2d_kernel(visit);
  for_each_softmax_kernel(visit);
  for_each_log_softmax_kernel(visit);
  for_each_cross_entropy_kernel(visit);
  for_each_cross_entropy_rows_kernel(visit);
  for_each_losses_kernel(visit);
  for_each_layer_norm_kernel(visit);
  for_each_rms_norm_kernel(visit);
  for_each_attention_kernel(visit);
  for_each_rotary_embedding_kernel(visit);
  for_each_recurrent_kernel(visit);
  for_each_max_pool_kernel(visit);
  for_each_avg_pool_kernel(visit);
  for_each_batch_norm_kernel(visit);
  for_each_upsample_kernel(visit);
  for_each_random_kernel(visit);
  for_each_sgd_kernel(visit);
  for_each_adam_kernel(visit);
  for_each_rmsprop_kernel(visit);
  for_each_clip_kernel(visit);
  for_each_index_kernel(visit);
  for_each_join_kernel(visit);
  for_each_sort_kernel(visit);
  for_each_dropout_kernel(visit);
  for_each_unary_kernel(visit);
  for_each_compare_kernel(visit);
  for_each_choose_kernel(visit);
  for_each_power_kernel(visit);
  for_each_quotient_kernel(visit);
}

}  // namespace pe
