// max_pool2d: y[o] = max over the window o, with the place in the window; da = Σ of grad over the windows that chose an
// element.
//
// kernel² comparisons for each window, and 1 element read for each written to stride²: memory bound. A thread takes a
// window; what its neighbours read too comes from the cache. The gradient is gathered: a thread takes an element and
// asks the windows that it lies in whether they chose it, in their order, so that no two threads add to one place. A
// place outside of its own window, which max_pool2d never gives, is therefore passed over.
#include "kernels/max_pool.h"

#include <limits>

#include "cuda/by_dtype.h"
#include "cuda/images.h"

namespace pe {
namespace {

// Whether x is to be chosen and not `best`, which came before it: greater, or the first NaN.
template <class T>
__device__ bool beats(T x, T best) {
  return !(x <= best) && best == best;
}

template <class T, class Stored>
__global__ void __launch_bounds__(kThreads)
    pool(Pixels windows, Images<const T> a, Windows2d w, Images<T> out, Images<Stored> places) {
  for (int64_t i = grid_thread(); i < windows.count; i += grid_threads()) {
    const Pixel o = windows[i];
    const T* const from = a.plane(o.image, o.channel);
    const int64_t top = w.rows.first(o.row), bottom = w.rows.last(o.row);
    const int64_t left = w.columns.first(o.column), right = w.columns.last(o.column);
    T best = -std::numeric_limits<T>::infinity();
    int64_t place = top * w.columns.kernel + left;  // the first on the image
    for (int64_t r = top; r < bottom; ++r) {
      const T* const row = from + (w.rows.start(o.row) + r * w.rows.dilation) * a.strides[2];
      for (int64_t c = left; c < right; ++c) {
        const T x = row[(w.columns.start(o.column) + c * w.columns.dilation) * a.strides[3]];
        if (!beats(x, best)) continue;
        best = x;
        place = r * w.columns.kernel + c;
      }
    }
    out.at(o.image, o.channel, o.row, o.column) = best;
    places.at(o.image, o.channel, o.row, o.column) = static_cast<Stored>(place);
  }
}

// The windows of an axis that reach over an element, holes included: from first up to last.
struct WindowRange {
  int64_t first, last;

  __device__ WindowRange(const Windows& w, int64_t at) {
    const int64_t before = at + w.padding - w.extent() + 1;  // a window that starts here in padded places ends at `at`
    first = before <= 0 ? 0 : (before + w.stride - 1) / w.stride;
    last = (at + w.padding) / w.stride + 1;
    if (last > w.out) last = w.out;
  }
};

// At which place of window o the element is: -1 where it falls into a hole.
__device__ int64_t place_in(const Windows& w, int64_t o, int64_t at) {
  const int64_t distance = at - w.start(o);
  if (w.dilation == 1) return distance;
  return distance % w.dilation == 0 ? distance / w.dilation : -1;
}

template <class T, class Stored>
__global__ void __launch_bounds__(kThreads)
    gather(Pixels elements, Images<const T> grad, Images<const Stored> places, Windows2d w, Images<T> da) {
  for (int64_t i = grid_thread(); i < elements.count; i += grid_threads()) {
    const Pixel e = elements[i];
    const WindowRange rows(w.rows, e.row), columns(w.columns, e.column);
    const T* const from = grad.plane(e.image, e.channel);
    const Stored* const chosen = places.plane(e.image, e.channel);
    T sum = 0;
    for (int64_t r = rows.first; r < rows.last; ++r) {
      const int64_t row_place = place_in(w.rows, r, e.row);
      if (row_place < 0) continue;
      for (int64_t c = columns.first; c < columns.last; ++c) {
        const int64_t column_place = place_in(w.columns, c, e.column);
        if (column_place < 0) continue;
        const int64_t place = row_place * w.columns.kernel + column_place;
        if (static_cast<int64_t>(chosen[r * places.strides[2] + c * places.strides[3]]) == place)
          sum += from[r * grad.strides[2] + c * grad.strides[3]];
      }
    }
    da.at(e.image, e.channel, e.row, e.column) = sum;
  }
}

template <class T, class Stored>
__global__ void __launch_bounds__(kThreads)
    take(Pixels windows, Images<const T> a, Images<const Stored> places, Windows2d w, Images<T> out) {
  for (int64_t i = grid_thread(); i < windows.count; i += grid_threads()) {
    const Pixel o = windows[i];
    const auto place = static_cast<int64_t>(places.at(o.image, o.channel, o.row, o.column));
    const int64_t row = w.rows.start(o.row) + place / w.columns.kernel * w.rows.dilation;
    const int64_t column = w.columns.start(o.column) + place % w.columns.kernel * w.columns.dilation;
    const bool inside = row >= 0 && row < w.rows.in && column >= 0 && column < w.columns.in;
    out.at(o.image, o.channel, o.row, o.column) = inside ? a.at(o.image, o.channel, row, column) : T(0);
  }
}

// run(T{}, Stored{}) with the types of elements and places.
template <class Run>
void by_types(const char* kernel, In elements, In places, const Run& run) {
  by_float(kernel, elements.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    places.dtype == DType::u8 ? run(T{}, uint8_t{}) : run(T{}, int32_t{});
  });
}

}  // namespace

void max_pool2d(In a, const Ints& kernel, const Ints& stride, const Ints& padding, const Ints& dilation, bool ceil_mode,
                Out out, Out places) {
  const Windows2d w = windows_of(a, kernel, stride, padding, dilation, ceil_mode);
  by_types("max_pool2d", a, places, [&](auto element, auto place) {
    using T = decltype(element);
    using Stored = decltype(place);
    const Pixels windows(out);
    enqueue(pool<T, Stored>, blocks_for(windows.count, kThreads), kThreads)(windows, Images<const T>(a), w,
                                                                            Images<T>(out), Images<Stored>(places));
  });
}

void max_pool2d_backward(In grad, In places, const Ints& size, const Ints& kernel, const Ints& stride,
                         const Ints& padding, const Ints& dilation, Out da) {
  const Windows2d w = windows_of_gradient(grad, size, kernel, stride, padding, dilation);
  by_types("max_pool2d_backward", grad, places, [&](auto element, auto place) {
    using T = decltype(element);
    using Stored = decltype(place);
    const Pixels elements(da);
    enqueue(gather<T, Stored>, blocks_for(elements.count, kThreads), kThreads)(
        elements, Images<const T>(grad), Images<const Stored>(places), w, Images<T>(da));
  });
}

void max_pool2d_take(In a, In places, const Ints& kernel, const Ints& stride, const Ints& padding, const Ints& dilation,
                     Out out) {
  const Ints size{2, false, {a.shape[2], a.shape[3]}};
  const Windows2d w = windows_of_gradient(places, size, kernel, stride, padding, dilation);
  by_types("max_pool2d_take", a, places, [&](auto element, auto place) {
    using T = decltype(element);
    using Stored = decltype(place);
    const Pixels windows(out);
    enqueue(take<T, Stored>, blocks_for(windows.count, kThreads), kThreads)(
        windows, Images<const T>(a), Images<const Stored>(places), w, Images<T>(out));
  });
}

}  // namespace pe
