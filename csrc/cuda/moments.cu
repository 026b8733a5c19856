// var: mean = Σ a / n and Σ (a - mean)² / (n - correction) along rows; 4 FLOP an element, which is read once.
//
// Two passes, because Σ a² - n·mean² cancels: of numbers near 10⁴ with a spread of 1 nothing would be left in float32.
// A row is cut into pieces, short enough for a block to hold one in registers between the passes (rows.h), or, where
// rows lie side by side, so many that each thread of the device gets one. Each piece leaves its own sum and its squares
// around its own mean; Σ over pieces of squares + n·(mean of the piece - mean)² is then exact again, by no
// cancellation.
#include "kernels/moments.h"

#include "cuda/by_dtype.h"
#include "cuda/rows.h"
#include "cuda/scratch.h"

namespace pe {

namespace {

using namespace cuda;

// What a row is cut into: all pieces but the last have `length` elements.
struct Pieces {
  int64_t count, length;

  __device__ int64_t size(int64_t piece, int64_t row_length) const {
    const int64_t rest = row_length - piece * length;
    return rest < length ? rest : length;
  }
};

template <class T>
struct Moments {
  T sum, squares;  // squares: Σ (a - mean)²
};

template <class T>
struct Result {
  Rows<T> variance, mean;
  T divisor;
  bool root;

  __device__ void put(int64_t row, T average, T squares) const {
    const T value = squares / divisor;
    *variance[row] = root ? ::sqrt(value) : value;
    *mean[row] = average;
  }
};

// Σ f(value) over the row. A thread alone has four sums, each of which rounds a quarter as often, and which do not wait
// for each other.
template <class T, class S, class F>
__device__ T sum_row(const Part<T, S>& part, F f) {
  if constexpr (S::kThreads > 1) {
    return sum_of(part, [=](int64_t, T v) { return f(v); });
  } else {
    T sums[4] = {};
    part.each([&](int64_t, const T* v) {
      const T next = sums[0] + f(v[0]);
      sums[0] = sums[1], sums[1] = sums[2], sums[2] = sums[3], sums[3] = next;  // registers cannot be indexed
    });
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
}

// Neighbouring rows of threads take the same piece of neighbouring rows. partial[piece, row] where there are several.
template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    piece_moments(Rows<const T> x, Pieces pieces, Result<T> result, Moments<T>* partial) {
  const int64_t last = x.count * pieces.count - 1, g = S::row(), at = g < last ? g : last;
  const int64_t piece = pieces.count > 1 ? at / x.count : 0, row = at - piece * x.count;
  const int64_t n = pieces.size(piece, x.length);
  const Part<T, S> part(x[row] + piece * pieces.length * x.stride, x.stride, n);
  const T sum = sum_row(part, [](T v) { return v; });
  const T mean = sum / static_cast<T>(n);
  const T squares = sum_row(part, [=](T v) { return (v - mean) * (v - mean); });
  if (g > last || S::rank() != 0) return;
  if (pieces.count > 1) {
    partial[at] = {sum, squares};
  } else {
    result.put(row, mean, squares);
  }
}

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    merge_pieces(const Moments<T>* partial, int64_t rows, int64_t row_length, Pieces pieces, Result<T> result) {
  const int64_t r = S::row(), row = r < rows ? r : rows - 1;
  T sum = 0;
  for (int64_t p = S::rank(); p < pieces.count; p += S::kThreads) sum += partial[p * rows + row].sum;
  const T mean = combine_all<S>(sum, Plus{}) / static_cast<T>(row_length);
  T squares = 0;
  for (int64_t p = S::rank(); p < pieces.count; p += S::kThreads) {
    const Moments<T> own = partial[p * rows + row];
    const T n = static_cast<T>(pieces.size(p, row_length)), d = own.sum / n - mean;
    squares += own.squares + n * d * d;
  }
  squares = combine_all<S>(squares, Plus{});
  if (r < rows && S::rank() == 0) result.put(row, mean, squares);
}

// Depends on shape and strides alone, and so do the bits of the result.
template <class T>
Pieces cut(const Rows<const T>& x, bool side_by_side) {
  constexpr int64_t kHeld = 32768 / sizeof(T);                             // elements that a block can hold
  constexpr int64_t kEnough = 32768, kLeastAlone = 64, kMostAlone = 4096;  // rows; elements of a thread; pieces
  int64_t length = kHeld;
  if (side_by_side) length = x.count >= kEnough ? x.length : std::max(kLeastAlone, ceil_div(x.length, kMostAlone));
  return {std::max<int64_t>(1, ceil_div(x.length, std::max<int64_t>(length, 1))), length};
}

template <class T>
void var_typed(In a, double correction, bool root, Out out, Out mean) {
  Rows<const T> x(a);
  if (x.count == 0) return;
  const double degrees = std::max(static_cast<double>(x.length) - correction, 0.0);
  const Result<T> result{Rows<T>::elements(out), Rows<T>::elements(mean), static_cast<T>(degrees), root};
  const bool side_by_side = x.stride != 1 && x.side_by_side();
  const Pieces pieces = cut(x, side_by_side);
  DeviceScratch<Moments<T>> partial(pieces.count > 1 ? x.count * pieces.count : 0);
  const auto start = [&]<class S>() {
    enqueue(piece_moments<T, S>, S::blocks(x.count * pieces.count), S::kBlock)(x, pieces, result, partial.data());
  };
  if (side_by_side) {
    start.template operator()<Share<1, 1, 0>>();
  } else {
    Rows<const T> piece = x;
    piece.length = std::min(x.length, pieces.length);
    by_share(piece, x.in_vectors(), start);
  }
  if (pieces.count == 1) return;
  const auto merge = [&]<class S>() {
    enqueue(merge_pieces<T, S>, S::blocks(x.count), S::kBlock)(partial.data(), x.count, x.length, pieces, result);
  };
  pieces.count <= kThreads ? merge.template operator()<Share<kWarp, 1, 0>>()
                           : merge.template operator()<Share<kThreads, 1, 0>>();
}

}  // namespace

void var(In a, double correction, bool root, Out out, Out mean) {
  by_float("var", a.dtype, [&](auto type) { var_typed<TypeOf<decltype(type)>>(a, correction, root, out, mean); });
}

}  // namespace pe
