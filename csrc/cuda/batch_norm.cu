// batch_norm: y = (a - mean) · r · weight + bias with r = 1 / √(variance + eps), mean and variance of each channel of
// a[n, c, …]; its gradient da = weight · r · (g - mean(g) - x · mean(g · x)) with x = (a - mean) · r, and the sums
// dweight = Σ g · x, dbias = Σ g.
//
// 8 FLOP an element against 3 elements of memory (gradient: 12 against 5): memory bound. A channel is cut into parts
// that a block's threads hold in registers, so each element is read once for its sums: Σ (a - mean)² is taken from the
// part's own mean and does not cancel. A warp puts a channel's parts together in a fixed tree; a last kernel writes.
// Left out: a[n, c] with channels side by side; neighbouring threads there read elements that are c apart.
#include "kernels/batch_norm.h"

#include "cuda/by_dtype.h"
#include "cuda/channels.h"
#include "cuda/scratch.h"

namespace pe {
namespace {

// How many elements, their mean and the sum of their squared distances from it.
struct Moments {
  double count, mean, squares;
};
struct Join {
  __device__ Moments operator()(const Moments& x, const Moments& y) const {
    if (x.count == 0 || y.count == 0) return x.count == 0 ? y : x;
    const double count = x.count + y.count, of_x = x.count / count, of_y = y.count / count, apart = y.mean - x.mean;
    return {count, x.mean * of_x + y.mean * of_y, x.squares + y.squares + apart * apart * x.count * of_y};
  }
};

// moments[channel][part]
template <class T>
__global__ void __launch_bounds__(kThreads) measure(Channels<1> x, Moments* moments) {
  const T* const from = x.data<const T>(0, channel_of_block(x));
  T held[kEach], sum = 0, squares = 0;
  each_element(x, [&](int i, const Offsets<1>& at) { sum += held[i] = from[at[0]]; });
  const int64_t left = x.elements - blockIdx.x % x.parts * kPart;
  const T count = static_cast<T>(left < kPart ? left : kPart), mean = block_reduce(sum, Plus{}) / count;
  each_element(x, [&](int i, const Offsets<1>&) { squares += (held[i] - mean) * (held[i] - mean); });
  squares = block_reduce(squares, Plus{});
  if (threadIdx.x == 0)
    moments[blockIdx.x] = {static_cast<double>(count), static_cast<double>(mean), static_cast<double>(squares)};
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    finish_moments(const Moments* moments, int64_t parts, int64_t channels, Vector<T> mean, Vector<T> variance) {
  const int64_t channel = grid_thread() / kWarp;
  if (channel >= channels) return;
  const Moments all = join_parts(moments + channel * parts, parts, Moments{0, 0, 0}, Join{});
  if (threadIdx.x % kWarp != 0) return;
  mean[channel] = static_cast<T>(all.count == 0 ? all.count / all.count : all.mean);  // of nothing: NaN
  variance[channel] = static_cast<T>(all.squares / all.count);
}

template <class T>
__device__ T rstd_of(T variance, double eps) {
  return T(1) / ::sqrt(variance + static_cast<T>(eps));
}

template <class T>
__global__ void __launch_bounds__(kThreads) normalise(Channels<2> x, Vector<const T> weight, Vector<const T> bias,
                                                      Vector<const T> mean, Vector<const T> variance, double eps) {
  const int64_t channel = channel_of_block(x);
  T* const to = x.data<T>(0, channel);
  const T* const from = x.data<const T>(1, channel);
  const T centre = mean[channel], scale = rstd_of(variance[channel], eps) * weight[channel], shift = bias[channel];
  each_element(x, [&](int, const Offsets<2>& at) { to[at[0]] = (from[at[1]] - centre) * scale + shift; });
}

// Σ grad and Σ grad · (a - mean)
struct GradSums {
  double grad, product;
};
struct AddSums {
  __device__ GradSums operator()(const GradSums& x, const GradSums& y) const {
    return {x.grad + y.grad, x.product + y.product};
  }
};

// sums[channel][part], of grad and a
template <class T>
__global__ void __launch_bounds__(kThreads) sum_grads(Channels<2> x, Vector<const T> mean, GradSums* sums) {
  const int64_t channel = channel_of_block(x);
  const T *const grad = x.data<const T>(0, channel), *const from = x.data<const T>(1, channel), centre = mean[channel];
  T sum = 0, product = 0;
  each_element(x, [&](int, const Offsets<2>& at) {
    const T g = grad[at[0]];
    sum += g;
    product += g * (from[at[1]] - centre);
  });
  sum = block_reduce(sum, Plus{});
  product = block_reduce(product, Plus{});
  if (threadIdx.x == 0) sums[blockIdx.x] = {static_cast<double>(sum), static_cast<double>(product)};
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    finish_grads(const GradSums* sums, int64_t parts, int64_t channels, Vector<const T> variance, double eps,
                 Vector<T> dweight, Vector<T> dbias) {
  const int64_t channel = grid_thread() / kWarp;
  if (channel >= channels) return;
  const GradSums all = join_parts(sums + channel * parts, parts, GradSums{0, 0}, AddSums{});
  if (threadIdx.x % kWarp != 0) return;
  dbias[channel] = static_cast<T>(all.grad);
  dweight[channel] = static_cast<T>(all.product) * rstd_of(variance[channel], eps);
}

// da of grad and a
template <class T>
__global__ void __launch_bounds__(kThreads)
    spread_grads(Channels<3> x, Vector<const T> weight, Vector<const T> mean, Vector<const T> variance, double eps,
                 Vector<const T> dweight, Vector<const T> dbias) {
  const int64_t channel = channel_of_block(x);
  T* const to = x.data<T>(0, channel);
  const T *const grad = x.data<const T>(1, channel), *const from = x.data<const T>(2, channel);
  const T rstd = rstd_of(variance[channel], eps), scale = rstd * weight[channel], centre = mean[channel];
  const T count = static_cast<T>(x.elements);
  const T of_bias = dbias[channel] / count, of_weight = dweight[channel] * rstd / count;
  each_element(x, [&](int, const Offsets<3>& at) {
    to[at[0]] = scale * (grad[at[1]] - of_bias - (from[at[2]] - centre) * of_weight);
  });
}

__global__ void count_batch(int64_t* batches) { ++*batches; }

// f is `momentum` where batches is nullptr, else 1 / batches.
template <class T>
__global__ void __launch_bounds__(kThreads)
    track(int64_t channels, Vector<T> running_mean, Vector<T> running_variance, Vector<const T> mean,
          Vector<const T> variance, T unbiased, double momentum, const int64_t* batches) {
  const double factor = batches ? 1 / static_cast<double>(*batches) : momentum;
  const T share = static_cast<T>(factor), rest = static_cast<T>(1 - factor);
  for (int64_t i = grid_thread(); i < channels; i += grid_threads()) {
    running_mean[i] = rest * running_mean[i] + share * mean[i];
    running_variance[i] = rest * running_variance[i] + share * (variance[i] * unbiased);
  }
}

// A warp for each channel.
unsigned blocks_of_channels(int64_t channels) { return static_cast<unsigned>(ceil_div(channels * kWarp, kThreads)); }

template <class T>
void forward(In a, In weight, In bias, double eps, Out out, Out mean, Out variance) {
  const int64_t channels = a.shape[1];
  const auto finish = [&](const Moments* moments, int64_t parts) {
    enqueue(finish_moments<T>, blocks_of_channels(channels), kThreads)(moments, parts, channels, Vector<T>(mean),
                                                                       Vector<T>(variance));
  };
  if (a.size() == 0) return finish(nullptr, 0);
  const Channels<1> x(a);
  const DeviceScratch<Moments> moments(channels * x.parts);
  enqueue(measure<T>, x.blocks(), kThreads)(x, moments.data());
  finish(moments.data(), x.parts);
  batch_norm_eval(a, weight, bias, mean, variance, eps, out);
}

template <class T>
void forward_given(In a, In weight, In bias, In mean, In variance, double eps, Out out) {
  if (a.size() == 0) return;
  const Channels<2> x(out, a);
  enqueue(normalise<T>, x.blocks(), kThreads)(x, Vector<const T>(weight), Vector<const T>(bias), Vector<const T>(mean),
                                              Vector<const T>(variance), eps);
}

template <class T>
void backward(In grad, In a, In weight, In mean, In variance, double eps, Out da, Out dweight, Out dbias) {
  const int64_t channels = a.shape[1];
  const Vector<const T> means(mean), variances(variance);
  const auto finish = [&](const GradSums* sums, int64_t parts) {
    enqueue(finish_grads<T>, blocks_of_channels(channels), kThreads)(sums, parts, channels, variances, eps,
                                                                     Vector<T>(dweight), Vector<T>(dbias));
  };
  if (a.size() == 0) return finish(nullptr, 0);
  const Channels<2> x(grad, a);
  const DeviceScratch<GradSums> sums(channels * x.parts);
  enqueue(sum_grads<T>, x.blocks(), kThreads)(x, means, sums.data());
  finish(sums.data(), x.parts);
  const Channels<3> y(da, grad, a);
  enqueue(spread_grads<T>, y.blocks(), kThreads)(y, Vector<const T>(weight), means, variances, eps,
                                                 Vector<const T>(dweight), Vector<const T>(dbias));
}

}  // namespace

void batch_norm(In a, In weight, In bias, double eps, Out out, Out mean, Out variance) {
  by_float("batch_norm", a.dtype,
           [&](auto type) { forward<TypeOf<decltype(type)>>(a, weight, bias, eps, out, mean, variance); });
}

void batch_norm_eval(In a, In weight, In bias, In mean, In variance, double eps, Out out) {
  by_float("batch_norm_eval", a.dtype,
           [&](auto type) { forward_given<TypeOf<decltype(type)>>(a, weight, bias, mean, variance, eps, out); });
}

void batch_norm_backward(In grad, In a, In weight, In mean, In variance, double eps, Out da, Out dweight, Out dbias) {
  by_float("batch_norm_backward", a.dtype, [&](auto type) {
    backward<TypeOf<decltype(type)>>(grad, a, weight, mean, variance, eps, da, dweight, dbias);
  });
}

void batch_norm_track(InOutList running, In mean, In variance, double count, double momentum) {
  int64_t* batches = nullptr;
  if (running.size() == 3) {
    batches = running[2].as<int64_t>();
    enqueue(count_batch, 1, 1)(batches);
  }
  by_float("batch_norm_track", mean.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const int64_t channels = mean.shape[0];
    enqueue(track<T>, blocks_for(channels, kThreads), kThreads)(
        channels, Vector<T>(running[0]), Vector<T>(running[1]), Vector<const T>(mean), Vector<const T>(variance),
        static_cast<T>(count / (count - 1)), momentum, momentum < 0 ? batches : nullptr);
  });
}

}  // namespace pe
