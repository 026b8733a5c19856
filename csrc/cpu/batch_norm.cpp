// batch_norm: y = (a - mean) · r · weight + bias with r = 1 / √(variance + eps), mean and variance of each channel of
// a[n, c, …]; its gradient da = weight · r · (g - mean(g) - x · mean(g · x)) with x = (a - mean) · r, and the sums
// dweight = Σ g · x, dbias = Σ g.
//
// 8 FLOP an element against 2 elements of memory (gradient: 12 against 3): memory bound. One thread takes a channel
// from its sums to its result, while it is in cache. Sums are those of blocks of rows, each with a mean of its own, put
// together in order: Σ (a - mean)² does not cancel, and every number of threads gives the same bits. Channels that lie
// side by side are taken in vectors of channels instead (batch_norm_columns.h).
#include "kernels/batch_norm.h"

#include "cpu/batch_norm_columns.h"

namespace pe {

namespace {

// to = f(i, elements i of the arrays) for one row of a channel; f takes vectors and scalars.
template <class T, class F>
void put_channel_row(const Channels<T>& to, int64_t channel, int64_t r, const F& f, const Channels<const T>& x) {
  const T* p = x.row(channel, r);
  T* q = to.row(channel, r);
  if (to.direct() && x.direct())
    return cpu::put_row(q, to.length, to.streamed, [&](int64_t i) { return f(load(p + i)); });
  for (int64_t i = 0; i < to.length; ++i) q[i * to.stride] = f(p[i * x.stride]);
}

template <class T, class F>
void put_channel_row(const Channels<T>& to, int64_t channel, int64_t r, const F& f, const Channels<const T>& x,
                     const Channels<const T>& y) {
  const T *p = x.row(channel, r), *s = y.row(channel, r);
  T* q = to.row(channel, r);
  if (to.direct() && x.direct() && y.direct())
    return cpu::put_row(q, to.length, to.streamed, [&](int64_t i) { return f(load(p + i), load(s + i)); });
  for (int64_t i = 0; i < to.length; ++i) q[i * to.stride] = f(p[i * x.stride], s[i * y.stride]);
}

// y = (x - mean) · scale + shift over the rows of a block.
template <class T>
void normalise(const Channels<const T>& x, const Channels<T>& y, int64_t channel, int64_t first, int64_t last, T mean,
               T scale, T shift) {
  for (int64_t r = first; r < last; ++r)
    put_channel_row(y, channel, r, [=](auto v) { return (v - mean) * scale + shift; }, x);
}

template <class T>
void forward(In a, In weight, In bias, double eps, Out out, Out mean, Out variance) {
  const ChannelInput<T> x(a);
  ChannelOutput<T> y(out);
  const Vector<const T> w(weight), b(bias);
  const Vector<T> means(mean), variances(variance);
  if (are_columns(*x, *y)) {
    put_column_moments(*x, means, variances);
    return normalise_columns(*x, *y, w, b, Vector<const T>(mean), Vector<const T>(variance), eps);
  }
  const Blocks blocks = Blocks::of_rows(x->rows, x->length);
  const auto sum = [&](int64_t channel, int64_t block, double* sums) {
    Lines<T, 1> lines({&*x});
    lines.read(channel, blocks.first(block), blocks.last(block));
    LineSum<T> total, squares;
    lines.each([&](const T* const* line, int64_t n) { total.add(n, [&](int64_t i) { return load(line[0] + i); }); });
    const Vec<T> centre = total.total() / static_cast<T>(blocks.elements(block));
    lines.each([&](const T* const* line, int64_t n) {
      squares.add(n, [&](int64_t i) {
        const Vec<T> d = load(line[0] + i) - centre;
        return d * d;
      });
    });
    sums[0] = static_cast<double>(first_lane<T>(total.total()));
    sums[1] = static_cast<double>(first_lane<T>(squares.total()));
  };
  const auto finish = [&](int64_t channel, const double* sums) {
    put_moments(blocks, sums, means[channel], variances[channel]);
  };
  const auto apply = [&](int64_t channel, int64_t block) {
    normalise(*x, *y, channel, blocks.first(block), blocks.last(block), means[channel],
              rstd_of(variances[channel], eps) * w[channel], b[channel]);
  };
  for_each_channel(x->count, blocks.count, x->elements(), sum, finish, apply);
  y.finish();
}

template <class T>
void forward_given(In a, In weight, In bias, In mean, In variance, double eps, Out out) {
  const ChannelInput<T> x(a);
  ChannelOutput<T> y(out);
  const Vector<const T> w(weight), b(bias), means(mean), variances(variance);
  if (are_columns(*x, *y)) return normalise_columns(*x, *y, w, b, means, variances, eps);
  const Blocks blocks = Blocks::of_rows(x->rows, x->length);
  parallel_for(x->count * blocks.count, [&](int64_t i) {
    const int64_t channel = i / blocks.count, block = i % blocks.count;
    normalise(*x, *y, channel, blocks.first(block), blocks.last(block), means[channel],
              rstd_of(variances[channel], eps) * w[channel], b[channel]);
  });
  y.finish();
}

template <class T>
void backward(In grad, In a, In weight, In mean, In variance, double eps, Out da, Out dweight, Out dbias) {
  const ChannelInput<T> g(grad), x(a);
  ChannelOutput<T> dx(da);
  const Vector<const T> w(weight), means(mean), variances(variance);
  const Vector<T> dw(dweight), db(dbias);
  const ChannelGradient<T> grads{w, means, variances, dw, db, eps, static_cast<T>(x->elements())};
  if (are_columns(*g, *dx) && are_columns(*x, *dx)) return backward_columns(*g, *x, grads, *dx);
  const Blocks blocks = Blocks::of_rows(x->rows, x->length);
  const auto sum = [&](int64_t channel, int64_t block, double* sums) {  // Σ g, Σ g · (a - mean)
    Lines<T, 2> lines({&*g, &*x});
    lines.read(channel, blocks.first(block), blocks.last(block));
    const T centre = means[channel];
    LineSum<T> total, product;
    lines.each([&](const T* const* line, int64_t n) {
      total.add(n, [&](int64_t i) { return load(line[0] + i); });
      product.add(n, [&](int64_t i) { return load(line[0] + i) * (load(line[1] + i) - centre); });
    });
    sums[0] = static_cast<double>(first_lane<T>(total.total()));
    sums[1] = static_cast<double>(first_lane<T>(product.total()));
  };
  const auto apply = [&](int64_t channel, int64_t block) {
    const T scale = grads.scale(channel), centre = means[channel];
    const T of_bias = grads.of_bias(channel), of_weight = grads.of_weight(channel);
    for (int64_t r = blocks.first(block); r < blocks.last(block); ++r)
      put_channel_row(
          *dx, channel, r, [=](auto gv, auto xv) { return scale * (gv - of_bias - (xv - centre) * of_weight); }, *g,
          *x);
  };
  const auto finish = [&](int64_t channel, const double* sums) { grads.finish(channel, blocks.count, sums); };
  for_each_channel(x->count, blocks.count, x->elements(), sum, finish, apply);
  dx.finish();
}

template <class T>
void track(InOutList running, In mean, In variance, double count, double factor) {
  const Vector<T> running_mean(running[0]), running_variance(running[1]);
  const Vector<const T> means(mean), variances(variance);
  const T share = static_cast<T>(factor), rest = static_cast<T>(1 - factor);
  const T unbiased = static_cast<T>(count / (count - 1));
  for (int64_t i = 0; i < mean.shape[0]; ++i) {
    running_mean[i] = rest * running_mean[i] + share * means[i];
    running_variance[i] = rest * running_variance[i] + share * (variances[i] * unbiased);
  }
}

}  // namespace

void batch_norm(In a, In weight, In bias, double eps, Out out, Out mean, Out variance) {
  a.dtype == DType::f32 ? forward<float>(a, weight, bias, eps, out, mean, variance)
                        : forward<double>(a, weight, bias, eps, out, mean, variance);
}

void batch_norm_eval(In a, In weight, In bias, In mean, In variance, double eps, Out out) {
  a.dtype == DType::f32 ? forward_given<float>(a, weight, bias, mean, variance, eps, out)
                        : forward_given<double>(a, weight, bias, mean, variance, eps, out);
}

void batch_norm_backward(In grad, In a, In weight, In mean, In variance, double eps, Out da, Out dweight, Out dbias) {
  a.dtype == DType::f32 ? backward<float>(grad, a, weight, mean, variance, eps, da, dweight, dbias)
                        : backward<double>(grad, a, weight, mean, variance, eps, da, dweight, dbias);
}

void batch_norm_track(InOutList running, In mean, In variance, double count, double momentum) {
  double factor = momentum;
  if (running.size() == 3) {
    int64_t& batches = *running[2].as<int64_t>();
    ++batches;
    if (momentum < 0) factor = 1 / static_cast<double>(batches);
  }
  mean.dtype == DType::f32 ? track<float>(running, mean, variance, count, factor)
                           : track<double>(running, mean, variance, count, factor);
}

}  // namespace pe
