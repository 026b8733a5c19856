// One launch over all parameters of a model, for the kernels that update every element by itself.
//
// Where the tensors lie and how long they are travels by value with the launch, in the 4 KB that kernels' arguments may
// have: nothing is copied to the device. Each tensor is cut into chunks, a block takes one, and finds out whose it is
// by bisection. Tensors that do not lie in one block of memory get a launch each, which walks any strides.
#pragma once

#include <array>

#include "cuda/rows.h"

namespace pe::cuda {

inline constexpr int64_t kChunk = 4096;  // elements of a block, so many that finding them costs little

// The first arrays of kN lists that have the same length.
template <int kN>
using Lists = std::array<const Array*, kN>;

// An element of a float32 or float64 array of at most one axis, which kernels read.
struct Scalar {
  explicit Scalar(const Array& a, int64_t i = 0)
      : data(a.as<char>() + (a.ndim > 0 ? i * a.strides[0] * itemsize(a.dtype) : 0)), wide(a.dtype == DType::f64) {}
  __device__ double value() const {
    return wide ? *static_cast<const double*>(data) : double{*static_cast<const float*>(data)};
  }
  __device__ void set(double v) const {
    if (wide) {
      *static_cast<double*>(data) = v;
    } else {
      *static_cast<float*>(data) = static_cast<float>(v);
    }
  }

  void* data;
  bool wide;
};

// Tensors without gaps and what belongs to each (gradient, state), for one launch.
template <class T, int kN>
struct ParamTable {
  static constexpr int kMost = 3584 / (8 * kN + 24);  // which leaves room for other arguments

  void add(const Lists<kN>& lists, int64_t i) {
    aligned[count] = true;
    for (int list = 0; list < kN; ++list) {
      data[list][count] = lists[list][i].template as<T>();
      aligned[count] &= is_aligned(data[list][count], 16);
    }
    size[count] = lists[0][i].size();
    number[count] = static_cast<int32_t>(i);
    first_block[count + 1] = first_block[count] + static_cast<int32_t>(ceil_div(size[count], kChunk));
    ++count;
  }

  // Whose elements this block has.
  __device__ int find() const {
    const auto block = static_cast<int32_t>(blockIdx.x);
    int low = 0, high = count;  // first_block[low] <= block < first_block[high]
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (first_block[middle] <= block ? low : high) = middle;
    }
    return low;
  }

  int count = 0;
  T* data[kN][kMost];
  int64_t size[kMost];
  int32_t first_block[kMost + 1] = {};
  int32_t number[kMost];  // of the tensor in its list
  bool aligned[kMost];
};

// launch_dense(table) for tables that hold all tensors of type T without gaps, launch_strided(i) for every other one.
template <class T, int kN, class Dense, class Other>
void for_each_table(int64_t count, const Lists<kN>& lists, const Dense& launch_dense, const Other& launch_strided) {
  constexpr DType kType = sizeof(T) == 4 ? DType::f32 : DType::f64;
  ParamTable<T, kN> table;
  const auto flush = [&] {
    if (table.count > 0) launch_dense(table);
    table = ParamTable<T, kN>();
  };
  for (int64_t i = 0; i < count; ++i) {
    if (lists[0][i].dtype != kType || lists[0][i].size() == 0) continue;
    bool dense =
        lists[0][i].size() < INT32_MAX * kChunk / ParamTable<T, kN>::kMost;  // the table counts blocks by int32
    for (const Array* list : lists) dense &= is_contiguous(list[i]);
    if (!dense) {
      launch_strided(i);
      continue;
    }
    table.add(lists, i);
    if (table.count == table.kMost) flush();
  }
  flush();
}

// update(v) on every element: v[j] is that of list j. Those named by the bits of Update::kWrites are written back.
template <class T, int kN, class Update>
__global__ void __launch_bounds__(kThreads) update_dense(ParamTable<T, kN> table, typename Update::Settings settings) {
  constexpr int kPack = 16 / sizeof(T);
  const int i = table.find();
  const Update update(settings, table.number[i]);
  if constexpr (requires { update.changes_nothing(); })
    if (update.changes_nothing()) return;
  const int64_t begin = (blockIdx.x - int64_t{table.first_block[i]}) * kChunk;
  const int64_t end = begin + kChunk < table.size[i] ? begin + kChunk : table.size[i];
  T* data[kN];
#pragma unroll
  for (int list = 0; list < kN; ++list) data[list] = table.data[list][i];
  int64_t done = begin;
  if (table.aligned[i]) {
    done = end - (end - begin) % kPack;
    for (int64_t at = begin + threadIdx.x * kPack; at < done; at += kThreads * kPack) {
      Pack<T, kPack> packs[kN];
#pragma unroll
      for (int list = 0; list < kN; ++list) packs[list] = load_pack<kPack>(data[list] + at);
#pragma unroll
      for (int j = 0; j < kPack; ++j) {
        T v[kN];
#pragma unroll
        for (int list = 0; list < kN; ++list) v[list] = packs[list].values[j];
        update(v);
#pragma unroll
        for (int list = 0; list < kN; ++list) packs[list].values[j] = v[list];
      }
#pragma unroll
      for (int list = 0; list < kN; ++list)
        if (Update::kWrites >> list & 1) store_pack(data[list] + at, packs[list]);
    }
  }
  for (int64_t at = done + threadIdx.x; at < end; at += kThreads) {
    T v[kN];
#pragma unroll
    for (int list = 0; list < kN; ++list) v[list] = data[list][at];
    update(v);
#pragma unroll
    for (int list = 0; list < kN; ++list)
      if (Update::kWrites >> list & 1) data[list][at] = v[list];
  }
}

// Tensors of one shape and any strides.
template <class T, int kN>
struct StridedTensors {
  Rows<T> elements[kN];
};
template <class T, int kN, size_t... I>
StridedTensors<T, kN> strided_tensors(const Lists<kN>& lists, int64_t i, std::index_sequence<I...>) {
  return {{Rows<T>::elements(lists[I][i])...}};
}

template <class T, int kN, class Update>
__global__ void __launch_bounds__(kThreads)
    update_strided(StridedTensors<T, kN> tensors, typename Update::Settings settings, int32_t number) {
  const Update update(settings, number);
  for (int64_t i = grid_thread(); i < tensors.elements[0].count; i += grid_threads()) {
    T* at[kN];
    T v[kN];
#pragma unroll
    for (int list = 0; list < kN; ++list) v[list] = *(at[list] = tensors.elements[list][i]);
    update(v);
#pragma unroll
    for (int list = 0; list < kN; ++list)
      if (Update::kWrites >> list & 1) *at[list] = v[list];
  }
}

// Update<T>(settings, number of the tensor) is made by every thread, on the device.
template <class Update, class T, int kN>
void update_typed(int64_t count, const Lists<kN>& lists, const typename Update::Settings& settings) {
  for_each_table<T, kN>(
      count, lists,
      [&](const ParamTable<T, kN>& table) {
        const auto blocks = static_cast<unsigned>(table.first_block[table.count]);
        enqueue(update_dense<T, kN, Update>, blocks, kThreads)(table, settings);
      },
      [&](int64_t i) {
        const auto tensors = strided_tensors<T, kN>(lists, i, std::make_index_sequence<kN>{});
        enqueue(update_strided<T, kN, Update>, blocks_for(tensors.elements[0].count, kThreads), kThreads)(
            tensors, settings, static_cast<int32_t>(i));
      });
}

template <template <class> class Update, int kN>
void update_all(int64_t count, const Lists<kN>& lists, const typename Update<float>::Settings& settings) {
  update_typed<Update<float>, float, kN>(count, lists, settings);
  update_typed<Update<double>, double, kN>(count, lists, settings);
}

}  // namespace pe::cuda
