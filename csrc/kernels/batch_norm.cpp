#include "kernels/batch_norm.h"

namespace pe {

namespace {

// How many channels `a` has.
int64_t channels_of(In a) {
  require_float(a);
  if (a.ndim < 2) throw ShapeError("needs samples and channels, two axes or more: " + describe(a));
  return a.shape[1];
}

void require_one_a_channel(In a, In v) {
  require_same_dtype(a, v);
  if (v.ndim != 1 || v.shape[0] != channels_of(a)) throw ShapeError("each channel needs one element: " + both(a, v));
}

}  // namespace

std::array<Spec, 3> batch_norm_outputs(In a, In weight, In bias, double) {
  const int64_t channels = channels_of(a);
  require_one_a_channel(a, weight);
  require_one_a_channel(a, bias);
  if (channels > 0 && a.size() == channels) throw ShapeError("one element a channel has no variance: " + describe(a));
  return {like(a), like(weight), like(weight)};
}

Spec batch_norm_eval_outputs(In a, In weight, In bias, In mean, In variance, double) {
  channels_of(a);
  for (const Array* v : {&weight, &bias, &mean, &variance}) require_one_a_channel(a, *v);
  return like(a);
}

std::array<Spec, 3> batch_norm_backward_outputs(In grad, In a, In weight, In mean, In variance, double) {
  const Spec da = matching(grad, a);
  for (const Array* v : {&weight, &mean, &variance}) require_one_a_channel(a, *v);
  return {da, like(weight), like(weight)};
}

void batch_norm_track_check(const InOutList& running, In mean, In variance, double count, double) {
  if (running.size() != 2 && running.size() != 3) throw ShapeError("running holds mean, variance and perhaps a count");
  matching(mean, variance);
  for (size_t i = 0; i < 2; ++i) matching(running[i], mean);
  if (mean.ndim != 1) throw ShapeError("each channel has one mean: " + describe(mean));
  if (running.size() == 3 && (running[2].dtype != DType::i64 || running[2].size() != 1))
    throw ShapeError("the number of batches is one int64, not " + describe(running[2]));
  if (!(count >= 2)) throw ShapeError("the variance of a sample needs two elements");
}

}  // namespace pe
