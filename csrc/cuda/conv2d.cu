// conv2d and its gradients: sums, over different pairs of (image, result, weight), of the same products.
//
// 2 · images · out · taps · channels / groups · pixels FLOP each, on as many numbers as the three arrays have: from
// some 16 channels on arithmetic is the limit. The idea: each is a matrix product with the loops of gemm.h, in which
// the matrix of windows is never built; its elements are found in the image when a tile asks for them
// (conv2d_operand.h). conv2d_correlate.h and conv2d_weight.h say what rows, columns and steps are. Few channels take
// kernels without tiles. Left out: Winograd's and Fourier's ways to multiply less; images of 2^30 pixels.
#include "kernels/conv2d.h"

#include <numeric>

#include "cuda/by_dtype.h"
#include "cuda/conv2d_correlate.h"
#include "cuda/conv2d_weight.h"
#include "kernels/elementwise.h"

namespace pe {
namespace {

using conv::Axis;
using conv::Correlation;
using conv::WeightGradient;

constexpr int64_t kMost = int64_t{1} << 30;  // so that indices and places in an image fit in 32 bits with room to spare

int64_t bounded(int64_t value, const char* what) {
  if (value >= kMost) throw ShapeError(std::string("conv2d of 2^30 ") + what + " or more");
  return value;
}

int64_t along(const Ints& ints, int axis) { return ints.values[ints.count == 1 ? 0 : axis]; }

struct Geometry {
  const Ints &stride, &padding, &dilation;
  int64_t groups;

  Axis axis(int i, int64_t length, int64_t windows, int64_t kernel) const {
    const int64_t s = along(stride, i), p = along(padding, i), d = along(dilation, i);
    bounded(length + 2 * p, "pixels along an axis");
    const auto of = [](int64_t value) { return static_cast<int>(bounded(value, "pixels between windows or taps")); };
    return {of(length), of(windows), of(kernel), of(s), of(p), of(d), of(std::gcd(s, d))};
  }
};

// body(first, count) for runs of images that have fewer than 2^30 pixels together.
template <class Body>
void for_runs_of_images(int64_t images, int64_t pixels, const Body& body) {
  const int64_t most = (kMost - 1) / std::max<int64_t>(bounded(pixels, "pixels"), 1);
  for (int64_t first = 0; first < images; first += most) body(first, std::min(most, images - first));
}

Array images_from(In a, int64_t first, int64_t count) {
  Array some = a;
  some.data = static_cast<char*>(a.data) + first * a.strides[0] * itemsize(a.dtype);
  some.shape[0] = count;
  return some;
}

Array packed_rows(In a, void* data) {
  Array copy = a;
  copy.data = data;
  int64_t stride = 1;
  for (int axis = a.ndim - 1; axis >= 0; stride *= a.shape[axis--]) copy.strides[axis] = stride;
  return copy;
}

// Whether kVector neighbours in the order of the last two axes lie side by side at 16 bytes, from every multiple on.
template <class T>
bool planes_are_vectors(const Array& a) {
  constexpr int64_t kVector = gemm::kVector<T>;
  return a.strides[3] == 1 && a.strides[2] == a.shape[3] && a.shape[2] * a.shape[3] % kVector == 0 &&
         a.strides[0] % kVector == 0 && a.strides[1] % kVector == 0 && is_aligned(a.data, 16);
}

template <class Problem>
void multiply(const Problem& problem) {
  using Wide = typename gemm::Tiles<typename Problem::T>::Wide;
  if (problem.items == 0 || problem.m == 0 || problem.n == 0) return;
  problem.m <= Wide::BM ? gemm::multiply_with<Wide>(problem) : gemm::multiply(problem);
}

template <int kRows, class T>
void correlate_directly(const Correlation<T>& problem) {
  constexpr int64_t kMostBlocks = (int64_t{1} << 31) - 1;  // of a launch
  const int64_t row_blocks = ceil_div(problem.m, kRows), column_blocks = ceil_div(problem.n, kThreads);
  const int64_t blocks = row_blocks * column_blocks * problem.items;
  for (int64_t first = 0; first < blocks; first += kMostBlocks)
    enqueue(conv::correlate_directly<T, kRows>, static_cast<unsigned>(std::min(kMostBlocks, blocks - first)), kThreads)(
        problem, row_blocks, column_blocks, first);
}

template <class T>
void correlate(const Correlation<T>& problem) {
  constexpr int64_t kFewRows = 8;
  if (problem.m == 1) return correlate_directly<1>(problem);
  problem.m <= kFewRows ? correlate_directly<4>(problem) : multiply(problem);
}

template <class T>
void forward(In a, In weight, OptIn bias, Activation act, const Geometry& g, Out out) {
  for_runs_of_images(a.shape[0], out.shape[2] * out.shape[3], [&](int64_t first, int64_t count) {
    const Array image = images_from(a, first, count), result = images_from(out, first, count);
    Correlation<T> x{Images<const T>(image), Images<const T>(weight), Images<T>(result)};
    if (bias) x.bias = bias->as<const T>(), x.bias_stride = bias->strides[0];
    x.relu = act == Activation::relu;
    x.aligned = planes_are_vectors<T>(result);
    x.height = g.axis(0, a.shape[2], out.shape[2], weight.shape[2]);
    x.width = g.axis(1, a.shape[3], out.shape[3], weight.shape[3]);
    x.images = count;
    x.channels = weight.shape[1];
    x.items = g.groups;
    x.m = weight.shape[0] / g.groups;
    x.n = count * out.shape[2] * out.shape[3];
    x.k = bounded(x.channels * weight.shape[2] * weight.shape[3], "weights of a channel");
    correlate(x);
  });
}

template <class T>
void backward_input(In grad, In weight, OptIn bias, const Geometry& g, Out out) {
  for_runs_of_images(grad.shape[0], out.shape[2] * out.shape[3], [&](int64_t first, int64_t count) {
    const Array image = images_from(grad, first, count), result = images_from(out, first, count);
    Correlation<T> x{Images<const T>(image), Images<const T>(weight), Images<T>(result)};
    if (bias) x.bias = bias->as<const T>(), x.bias_stride = bias->strides[0];
    x.backward = true;
    x.height = g.axis(0, out.shape[2], grad.shape[2], weight.shape[2]);
    x.width = g.axis(1, out.shape[3], grad.shape[3], weight.shape[3]);
    x.aligned = x.height.stride == 1 && x.width.stride == 1 && planes_are_vectors<T>(result);
    x.images = count;
    x.channels = weight.shape[0] / g.groups;
    x.remainders[0] = std::min(x.height.stride, x.height.length);
    x.remainders[1] = std::min(x.width.stride, x.width.length);
    x.items = g.groups * x.remainders[0] * x.remainders[1];
    x.m = weight.shape[1];
    x.n = count * ceil_div(x.height.length, x.height.stride) * ceil_div(x.width.length, x.width.stride);
    x.k = bounded(x.channels * weight.shape[2] * weight.shape[3], "weights of a channel");
    if (out.size() > 0) correlate(x);
  });
}

template <class T>
void sum_weights(In grad, In a, const Geometry& g, Out out) {
  constexpr int64_t kFewWeights = 4;  // of a group and a tap
  WeightGradient<T> x{Images<const T>(grad), Images<const T>(a), Images<T>(out)};
  x.aligned = planes_are_vectors<T>(out) && out.strides[1] == out.shape[2] * out.shape[3];
  x.height = g.axis(0, a.shape[2], grad.shape[2], out.shape[2]);
  x.width = g.axis(1, a.shape[3], grad.shape[3], out.shape[3]);
  x.channels = out.shape[1];
  x.items = g.groups;
  x.m = out.shape[0] / g.groups;
  x.n = bounded(x.channels * out.shape[2] * out.shape[3], "weights of a channel");
  x.k = grad.shape[0] * grad.shape[2] * grad.shape[3];
  if (x.m * x.channels > kFewWeights) return multiply(x);
  enqueue(conv::sum_weight<T>, static_cast<unsigned>(bounded(out.size(), "weights")), kThreads)(x);
}

template <class T>
void backward_weight(In grad, In a, const Geometry& g, Out out) {
  const int64_t results = grad.shape[2] * grad.shape[3];
  if (grad.shape[0] * results < kMost) return sum_weights<T>(grad, a, g, out);
  DeviceScratch<T> memory(out.size());
  Array more = packed_rows(out, memory.data());
  for_runs_of_images(grad.shape[0], results, [&](int64_t first, int64_t count) {
    sum_weights<T>(images_from(grad, first, count), images_from(a, first, count), g, first == 0 ? out : more);
    if (first > 0) add(out, more, out);
  });
}

}  // namespace

void conv2d(In a, In weight, OptIn bias, Activation act, const Ints& stride, const Ints& padding, const Ints& dilation,
            int64_t groups, Out out) {
  by_float("conv2d", a.dtype, [&](auto type) {
    forward<TypeOf<decltype(type)>>(a, weight, bias, act, {stride, padding, dilation, groups}, out);
  });
}

void conv2d_backward_input(In grad, In weight, OptIn bias, const Ints&, const Ints& stride, const Ints& padding,
                           const Ints& dilation, int64_t groups, Out out) {
  by_float("conv2d_backward_input", grad.dtype, [&](auto type) {
    backward_input<TypeOf<decltype(type)>>(grad, weight, bias, {stride, padding, dilation, groups}, out);
  });
}

void conv2d_backward_weight(In grad, In a, const Ints&, const Ints& stride, const Ints& padding, const Ints& dilation,
                            int64_t groups, Out out) {
  by_float("conv2d_backward_weight", grad.dtype, [&](auto type) {
    backward_weight<TypeOf<decltype(type)>>(grad, a, {stride, padding, dilation, groups}, out);
  });
}

}  // namespace pe
