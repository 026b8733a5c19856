// Clipping: global_norm, clip_factor, scale_all, clamp_all over lists of arrays.
//
//   norm = √(Σ a²);  factor = min(1, max_norm / (norm + 1e-6));  a = factor · a;  a = min(max(a, -limit), limit)
//
// 2 FLOP an element that is read once (global_norm), 1 to 2 an element that is read and written: limited by memory.
// The idea: one launch for some hundred arrays (param_lists.h). The sum is taken in float64, in which no square of a
// float32 overflows: a block sums a chunk, and one block the chunks afterwards, in orders that depend on sizes only. A
// factor of 1, which is read on the device, costs no access to the arrays.
#include "kernels/clip.h"

#include "cuda/param_lists.h"
#include "cuda/scratch.h"

namespace pe {

namespace {

using namespace cuda;

template <class T>
__device__ double square(T value) {
  return static_cast<double>(value) * static_cast<double>(value);
}

// partial[block] = the sum of squares of its chunk.
template <class T>
__global__ void __launch_bounds__(kThreads) squares_dense(ParamTable<T, 1> table, double* partial) {
  constexpr int kPack = 16 / sizeof(T);
  const int i = table.find();
  const int64_t begin = (blockIdx.x - int64_t{table.first_block[i]}) * kChunk;
  const int64_t end = begin + kChunk < table.size[i] ? begin + kChunk : table.size[i];
  const T* data = table.data[0][i];
  const int64_t done = table.aligned[i] ? end - (end - begin) % kPack : begin;
  double sum = 0;
  for (int64_t at = begin + threadIdx.x * kPack; at < done; at += kThreads * kPack) {
    const Pack<T, kPack> pack = load_pack<kPack>(data + at);
    for (T value : pack.values) sum += square(value);
  }
  for (int64_t at = done + threadIdx.x; at < end; at += kThreads) sum += square(data[at]);
  sum = block_reduce(sum, Plus{});
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

template <class T>
__global__ void __launch_bounds__(kThreads) squares_strided(Rows<const T> elements, double* partial) {
  double sum = 0;
  for (int64_t i = grid_thread(); i < elements.count; i += grid_threads()) sum += square(*elements[i]);
  sum = block_reduce(sum, Plus{});
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads) root_of_sum(const double* partial, int64_t count, Scalar out) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += kThreads) sum += partial[i];
  sum = block_reduce(sum, Plus{});
  if (threadIdx.x == 0) out.set(::sqrt(sum));
}

template <class T>
void global_norm_typed(InList arrays, Out out) {
  int64_t blocks = 0, used = 0;  // of all arrays, none of which needs more than this
  for (const Array& a : arrays) blocks += ceil_div(a.size(), kChunk);
  DeviceScratch<double> partial(blocks);
  for_each_table<T, 1>(
      static_cast<int64_t>(arrays.size()), {arrays.data()},
      [&](const ParamTable<T, 1>& table) {
        const int64_t here = table.first_block[table.count];
        enqueue(squares_dense<T>, static_cast<unsigned>(here), kThreads)(table, partial.data() + used);
        used += here;
      },
      [&](int64_t i) {
        const auto elements = Rows<const T>::elements(arrays[static_cast<size_t>(i)]);
        const unsigned here = blocks_for(elements.count, kChunk);
        enqueue(squares_strided<T>, here, kThreads)(elements, partial.data() + used);
        used += here;
      });
  enqueue(root_of_sum, 1, kThreads)(partial.data(), used, Scalar(out));
}

__global__ void factor_of(Scalar norm, double max_norm, Scalar out) {
  const double factor = max_norm / (norm.value() + 1e-6);
  out.set(factor > 1 ? 1 : factor);  // NaN stays NaN
}

template <class T>
struct Scale {
  using Settings = Scalar;
  static constexpr unsigned kWrites = 0b1;
  __device__ Scale(const Scalar& factor_, int32_t) : factor(static_cast<T>(factor_.value())) {}
  __device__ bool changes_nothing() const { return factor == 1; }
  __device__ void operator()(T* v) const { v[0] = v[0] * factor; }
  T factor;
};

// Comparisons with NaN are false, so NaN stays.
template <class T>
struct Clamp {
  using Settings = double;
  static constexpr unsigned kWrites = 0b1;
  __device__ Clamp(double limit_, int32_t) : limit(static_cast<T>(limit_)) {}
  __device__ void operator()(T* v) const { v[0] = v[0] > limit ? limit : v[0] < -limit ? -limit : v[0]; }
  T limit;
};

}  // namespace

void global_norm(InList arrays, Out out) {
  out.dtype == DType::f32 ? global_norm_typed<float>(arrays, out) : global_norm_typed<double>(arrays, out);
}

void clip_factor(In norm, double max_norm, Out out) { enqueue(factor_of, 1, 1)(Scalar(norm), max_norm, Scalar(out)); }

void scale_all(InOutList arrays, In factor) {
  update_all<Scale, 1>(static_cast<int64_t>(arrays.size()), {arrays.data()}, Scalar(factor));
}

void clamp_all(InOutList arrays, double limit) {
  update_all<Clamp, 1>(static_cast<int64_t>(arrays.size()), {arrays.data()}, limit);
}

}  // namespace pe
