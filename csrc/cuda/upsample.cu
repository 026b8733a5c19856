// upsample2d: y[o, p] = Σ over two rows and two columns of weight · a, or the nearest a; and its transpose.
//
// 6 FLOP an output element bilinear, none for the nearest, against 1 element written and 1 / scale² read: memory bound.
// Which two pixels of an axis an output pixel is made of, and how much they count, a first kernel works out once. The
// transpose is gathered: a thread takes a pixel of the image and sums over the outputs that it took part in, first
// along the rows, whose sums go through scratch, then along the columns. So no two threads add to one place, and a
// pixel that became many is not one thread's work alone.
#include "kernels/upsample.h"

#include "cuda/by_dtype.h"
#include "cuda/images.h"
#include "cuda/scratch.h"

namespace pe {
namespace {

// One axis: `out` pixels made of `in` ones. An output pixel is (1 - share) · first + share · second, the next pixel.
struct Axis {
  int64_t in, out;
  double step;
  bool bilinear, align_corners;

  __device__ double place(int64_t o) const {
    const auto at = static_cast<double>(o);
    double wanted = at * step;
    if (!bilinear) wanted *= 1 + 0x1p-50;
    if (bilinear && !align_corners) wanted = (at + 0.5) * step - 0.5;
    return ::fmin(::fmax(wanted, 0.0), static_cast<double>(in - 1));
  }
  __device__ int64_t first(int64_t o) const { return static_cast<int64_t>(place(o)); }

  // The first output pixel whose first pixel is at least x: first() never falls.
  __device__ int64_t output_from(int64_t x) const {
    int64_t below = -1, from = out;
    while (from - below > 1) {
      const int64_t middle = (below + from) / 2;
      (first(middle) < x ? below : from) = middle;
    }
    return from;
  }
};

struct Both {
  Axis rows, columns;
};

template <class T>
struct Mixture {
  int64_t first;
  T share;
};
// The outputs that a pixel took part in.
struct OutputRange {
  int64_t begin, end;
};

// Of all outputs of both axes, rows first.
template <class T>
__global__ void __launch_bounds__(kThreads) mix(Both axes, Mixture<T>* mixtures) {
  for (int64_t i = grid_thread(); i < axes.rows.out + axes.columns.out; i += grid_threads()) {
    const bool row = i < axes.rows.out;
    const Axis& axis = row ? axes.rows : axes.columns;
    const int64_t o = row ? i : i - axes.rows.out, first = axis.first(o);
    mixtures[i] = {first, axis.bilinear ? static_cast<T>(axis.place(o) - static_cast<double>(first)) : T(0)};
  }
}

// Of all pixels of both axes, rows first: those that are first or second of an output.
__global__ void __launch_bounds__(kThreads) find_outputs(Both axes, OutputRange* ranges) {
  for (int64_t i = grid_thread(); i < axes.rows.in + axes.columns.in; i += grid_threads()) {
    const bool row = i < axes.rows.in;
    const Axis& axis = row ? axes.rows : axes.columns;
    const int64_t at = row ? i : i - axes.rows.in;
    ranges[i] = {axis.output_from(axis.bilinear ? at - 1 : at), axis.output_from(at + 1)};
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    forward(Pixels outputs, Images<const T> a, Both axes, const Mixture<T>* mixtures, Images<T> out) {
  for (int64_t i = grid_thread(); i < outputs.count; i += grid_threads()) {
    const Pixel o = outputs[i];
    const Mixture<T> down = mixtures[o.row], right = mixtures[axes.rows.out + o.column];
    const T* const corner = a.plane(o.image, o.channel) + down.first * a.strides[2] + right.first * a.strides[3];
    T value = *corner;
    if (axes.rows.bilinear) {
      const int64_t below = down.first + 1 < axes.rows.in ? a.strides[2] : 0;
      const int64_t beyond = right.first + 1 < axes.columns.in ? a.strides[3] : 0;
      const T above = (1 - right.share) * value + right.share * corner[beyond];
      value = (1 - right.share) * corner[below] + right.share * corner[below + beyond];
      value = (1 - down.share) * above + down.share * value;
    }
    out.at(o.image, o.channel, o.row, o.column) = value;
  }
}

// Σ over outputs of what pixel `at` counted in them times their gradients, which lie `stride` apart.
template <class T>
__device__ T gathered(const Axis& axis, OutputRange range, const Mixture<T>* mixtures, int64_t at, const T* grads,
                      int64_t stride) {
  T sum = 0;
  for (int64_t o = range.begin; o < range.end; ++o) {
    const Mixture<T> mixture = mixtures[o];
    if (mixture.first == at) sum += (1 - mixture.share) * grads[o * stride];
    const int64_t second = mixture.first + 1 < axis.in ? mixture.first + 1 : mixture.first;
    if (axis.bilinear && second == at) sum += mixture.share * grads[o * stride];
  }
  return sum;
}

// sums[image, channel, row of the image, column of the gradient]
template <class T>
__global__ void __launch_bounds__(kThreads)
    gather_rows(Pixels pixels, Images<const T> grad, Both axes, const Mixture<T>* mixtures, const OutputRange* ranges,
                T* sums) {
  for (int64_t i = grid_thread(); i < pixels.count; i += grid_threads()) {
    const Pixel p = pixels[i];
    const T* const column = grad.plane(p.image, p.channel) + p.column * grad.strides[3];
    sums[i] = gathered(axes.rows, ranges[p.row], mixtures, p.row, column, grad.strides[2]);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    gather_columns(Pixels pixels, const T* sums, Both axes, const Mixture<T>* mixtures, const OutputRange* ranges,
                   Images<T> da) {
  const int64_t length = axes.columns.out;
  for (int64_t i = grid_thread(); i < pixels.count; i += grid_threads()) {
    const Pixel p = pixels[i];
    const T* const row = sums + i / axes.columns.in * length;
    da.at(p.image, p.channel, p.row, p.column) =
        gathered(axes.columns, ranges[axes.rows.in + p.column], mixtures + axes.rows.out, p.column, row, 1);
  }
}

template <class T>
void upsample(In a, const Both& axes, Out out) {
  if (out.size() == 0) return;
  const int64_t count = axes.rows.out + axes.columns.out;
  const DeviceScratch<Mixture<T>> mixtures(count);
  const Pixels outputs(out);
  enqueue(mix<T>, blocks_for(count, kThreads), kThreads)(axes, mixtures.data());
  enqueue(forward<T>, blocks_for(outputs.count, kThreads), kThreads)(outputs, Images<const T>(a), axes, mixtures.data(),
                                                                     Images<T>(out));
}

template <class T>
void upsample_backward(In grad, const Both& axes, Out da) {
  if (da.size() == 0) return;
  const int64_t outputs = axes.rows.out + axes.columns.out, inputs = axes.rows.in + axes.columns.in;
  const Pixels between(da.shape[0], da.shape[1], axes.rows.in, axes.columns.out), pixels(da);
  const DeviceScratch<Mixture<T>> mixtures(outputs);
  const DeviceScratch<OutputRange> ranges(inputs);
  const DeviceScratch<T> sums(between.count);
  enqueue(mix<T>, blocks_for(outputs, kThreads), kThreads)(axes, mixtures.data());
  enqueue(find_outputs, blocks_for(inputs, kThreads), kThreads)(axes, ranges.data());
  enqueue(gather_rows<T>, blocks_for(between.count, kThreads), kThreads)(between, Images<const T>(grad), axes,
                                                                         mixtures.data(), ranges.data(), sums.data());
  enqueue(gather_columns<T>, blocks_for(pixels.count, kThreads), kThreads)(pixels, sums.data(), axes, mixtures.data(),
                                                                           ranges.data(), Images<T>(da));
}

}  // namespace

void upsample2d(In a, const Ints&, double row_step, double column_step, bool bilinear, bool align_corners, Out out) {
  const Both axes{{a.shape[2], out.shape[2], row_step, bilinear, align_corners},
                  {a.shape[3], out.shape[3], column_step, bilinear, align_corners}};
  by_float("upsample2d", a.dtype, [&](auto type) { upsample<TypeOf<decltype(type)>>(a, axes, out); });
}

void upsample2d_backward(In grad, const Ints&, double row_step, double column_step, bool bilinear, bool align_corners,
                         Out da) {
  const Both axes{{da.shape[2], grad.shape[2], row_step, bilinear, align_corners},
                  {da.shape[3], grad.shape[3], column_step, bilinear, align_corners}};
  by_float("upsample2d_backward", grad.dtype,
           [&](auto type) { upsample_backward<TypeOf<decltype(type)>>(grad, axes, da); });
}

}  // namespace pe
