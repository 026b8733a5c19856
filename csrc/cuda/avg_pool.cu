// avg_pool2d: y[o] = Σ over the window o / count, and its gradient da = Σ grad / count over the windows of an element;
// adaptive_avg_pool2d: the same with windows that cut the image into so many parts.
//
// kernel² additions for each window, and 1 element read for each written to stride²: memory bound. A thread takes a
// window; what its neighbours read too comes from the cache. Where windows are large, as in the mean of a whole image,
// a warp takes one: its lanes read neighbours, and their sums are added in a tree. In the gradient a thread takes an
// element and sums over the windows that it lies in, in their order, so that no two threads add to one place.
#include "kernels/avg_pool.h"

#include "cuda/block_reduce.h"
#include "cuda/by_dtype.h"
#include "cuda/images.h"

namespace pe {
namespace {

// What a window holds of an axis, and by how much its sum is divided.
struct Span {
  int64_t begin, end, count;
};
struct WindowRange {
  int64_t first, last;
};

struct SlidingAxis {
  Windows w;
  bool count_padding;

  __device__ Span operator[](int64_t o) const {
    const int64_t start = w.start(o), behind = start + w.kernel;
    const int64_t begin = std::max<int64_t>(start, 0), end = std::max(begin, std::min(behind, w.in));
    return {begin, end, count_padding ? std::min(behind, w.in + w.padding) - start : end - begin};
  }
  // The windows that hold an element.
  __device__ WindowRange windows_of(int64_t at) const {
    const int64_t before = at + w.padding - w.kernel + 1;
    return {before <= 0 ? 0 : (before + w.stride - 1) / w.stride, std::min((at + w.padding) / w.stride + 1, w.out)};
  }
  int64_t longest() const { return w.kernel; }
};

struct PartedAxis {
  int64_t length, parts;

  __device__ Span operator[](int64_t o) const {
    const int64_t begin = o * length / parts, end = ((o + 1) * length + parts - 1) / parts;
    return {begin, end, end - begin};
  }
  // o · length / parts < at + 1 and (o + 1) · length / parts > at
  __device__ WindowRange windows_of(int64_t at) const {
    return {at * parts / length, ((at + 1) * parts + length - 1) / length};
  }
  int64_t longest() const { return length / parts + 2; }
};

template <class T>
__device__ T divisor_of(const Span& row, const Span& column, T given) {
  return given != 0 ? given : static_cast<T>(row.count) * static_cast<T>(column.count);
}

// kLanes threads, 1 or a warp, sum up a window.
template <class T, int kLanes, class Axis>
__global__ void __launch_bounds__(kThreads)
    average(Pixels windows, Images<const T> a, Axis rows, Axis columns, T divisor, Images<T> out) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  for (int64_t i = grid_thread() / kLanes; i < windows.count; i += grid_threads() / kLanes) {
    const Pixel o = windows[i];
    const Span row = rows[o.row], column = columns[o.column];
    const T* const from = a.plane(o.image, o.channel) + row.begin * a.strides[2] + column.begin * a.strides[3];
    const int64_t height = row.end - row.begin, width = column.end - column.begin;
    T sum = 0;
    if constexpr (kLanes == 1) {
      for (int64_t r = 0; r < height; ++r)
        for (int64_t c = 0; c < width; ++c) sum += from[r * a.strides[2] + c * a.strides[3]];
    } else {
      for (int64_t at = lane; at < height * width; at += kLanes)
        sum += from[at / width * a.strides[2] + at % width * a.strides[3]];
      sum = warp_reduce(sum, Plus{});
    }
    if (lane == 0) out.at(o.image, o.channel, o.row, o.column) = sum / divisor_of(row, column, divisor);
  }
}

template <class T, class Axis>
__global__ void __launch_bounds__(kThreads)
    gather(Pixels elements, Images<const T> grad, Axis rows, Axis columns, T divisor, Images<T> da) {
  for (int64_t i = grid_thread(); i < elements.count; i += grid_threads()) {
    const Pixel e = elements[i];
    const WindowRange over = rows.windows_of(e.row), across = columns.windows_of(e.column);
    const T* const from = grad.plane(e.image, e.channel);
    T sum = 0;
    for (int64_t r = over.first; r < over.last; ++r) {
      const Span row = rows[r];
      for (int64_t c = across.first; c < across.last; ++c)
        sum += from[r * grad.strides[2] + c * grad.strides[3]] / divisor_of(row, columns[c], divisor);
    }
    da.at(e.image, e.channel, e.row, e.column) = sum;
  }
}

template <class T, class Axis>
void pool(In a, const Axis& rows, const Axis& columns, double divisor, Out out) {
  constexpr int64_t kLarge = 64;  // elements of a window that are worth a warp
  const Pixels windows(out);
  const auto run = [&](auto kernel, int lanes) {
    enqueue(kernel, blocks_for(windows.count * lanes, kThreads), kThreads)(windows, Images<const T>(a), rows, columns,
                                                                           static_cast<T>(divisor), Images<T>(out));
  };
  rows.longest() * columns.longest() < kLarge ? run(average<T, 1, Axis>, 1) : run(average<T, kWarp, Axis>, kWarp);
}

template <class T, class Axis>
void pool_backward(In grad, const Axis& rows, const Axis& columns, double divisor, Out da) {
  const Pixels elements(da);
  enqueue(gather<T, Axis>, blocks_for(elements.count, kThreads), kThreads)(
      elements, Images<const T>(grad), rows, columns, static_cast<T>(divisor), Images<T>(da));
}

}  // namespace

void avg_pool2d(In a, const Ints& kernel, const Ints& stride, const Ints& padding, bool ceil_mode,
                bool count_include_pad, double divisor, Out out) {
  const Windows2d w = windows_of(a, kernel, stride, padding, kUndilated, ceil_mode);
  const SlidingAxis rows{w.rows, count_include_pad}, columns{w.columns, count_include_pad};
  by_float("avg_pool2d", a.dtype, [&](auto type) { pool<TypeOf<decltype(type)>>(a, rows, columns, divisor, out); });
}

void avg_pool2d_backward(In grad, const Ints& size, const Ints& kernel, const Ints& stride, const Ints& padding,
                         bool ceil_mode, bool count_include_pad, double divisor, Out da) {
  const Windows2d w = windows_of(images_of(grad, size), kernel, stride, padding, kUndilated, ceil_mode);
  const SlidingAxis rows{w.rows, count_include_pad}, columns{w.columns, count_include_pad};
  by_float("avg_pool2d_backward", grad.dtype,
           [&](auto type) { pool_backward<TypeOf<decltype(type)>>(grad, rows, columns, divisor, da); });
}

void adaptive_avg_pool2d(In a, const Ints& size, Out out) {
  const PartedAxis rows{a.shape[2], size.values[0]}, columns{a.shape[3], size.values[1]};
  by_float("adaptive_avg_pool2d", a.dtype, [&](auto type) { pool<TypeOf<decltype(type)>>(a, rows, columns, 0, out); });
}

void adaptive_avg_pool2d_backward(In grad, const Ints& size, Out da) {
  const PartedAxis rows{size.values[0], grad.shape[2]}, columns{size.values[1], grad.shape[3]};
  by_float("adaptive_avg_pool2d_backward", grad.dtype,
           [&](auto type) { pool_backward<TypeOf<decltype(type)>>(grad, rows, columns, 0, da); });
}

}  // namespace pe
