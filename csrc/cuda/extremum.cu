// The greatest or least element of each row with its place: values[r] = a[r, indices[r]], the first of equals, a NaN
// before every number; and the kernels that carry gradients back to it.
//
// 1 comparison an element that is read once: memory bound. Rows are shared as softmax shares them (rows.h): a thread
// keeps its best element with its place, and these are compared as a tree, where among equals the first place wins.
#include "kernels/extremum.h"

#include "cuda/data_error.h"
#include "cuda/rows.h"

namespace pe {

namespace {

using namespace cuda;

template <class T>
struct Found {
  T value;
  int64_t place;  // -1: none yet
};

// Of two, none of which is none: a NaN before every number, of equals the first.
struct Better {
  bool greatest;
  template <class T>
  __device__ Found<T> operator()(Found<T> a, Found<T> b) const {
    if (a.place < 0 || b.place < 0) return a.place < 0 ? b : a;
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    const bool equal = a.value == b.value || (a_nan && b_nan);
    const bool first =
        equal ? a.place < b.place : a_nan || (!b_nan && (greatest ? a.value > b.value : a.value < b.value));
    return first ? a : b;
  }
};

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    extremum_rows(Rows<const T> x, bool greatest, Rows<T> values, Rows<int64_t> indices) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1;
  Found<T> best{T(0), -1};
  const Part<T, S> part(x[row], x.stride, x.length);
  part.each([&](int64_t i, const T* v) {
#pragma unroll
    for (int j = 0; j < S::kN; ++j) {
      const bool beats =
          (greatest ? v[j] > best.value : v[j] < best.value) | ((v[j] != v[j]) & (best.value == best.value));
      if (best.place < 0 || beats) best = {v[j], i + j};
    }
  });
  best = combine_all<S>(best, Better{greatest});
  if (r >= x.count || S::rank() != 0) return;
  *values[row] = best.value;
  *indices[row] = best.place;
}

template <class T>
void extremum_typed(In a, bool greatest, Out values, Out indices) {
  const Rows<const T> x(a);
  const Rows<T> value = Rows<T>::elements(values);
  const Rows<int64_t> index = Rows<int64_t>::elements(indices);
  if (x.count == 0) return;
  by_share(x, x.in_vectors(),
           [&]<class S>() { enqueue(extremum_rows<T, S>, S::blocks(x.count), S::kBlock)(x, greatest, value, index); });
}

void extremum(In a, bool greatest, Out values, Out indices) {
  if (a.dtype == DType::f32) return extremum_typed<float>(a, greatest, values, indices);
  if (a.dtype == DType::f64) return extremum_typed<double>(a, greatest, values, indices);
  extremum_typed<int64_t>(a, greatest, values, indices);
}

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident) shares_rows(Rows<const T> x, Rows<const T> y, Rows<T> out) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1;
  const T wanted = *y[row];
  const Part<T, S> part(x[row], x.stride, x.length);
  const auto equal = [=](T v) { return (v == wanted) | ((v != v) & (wanted != wanted)); };
  int64_t count = 0;
  part.each([&](int64_t, const T* v) {
#pragma unroll
    for (int j = 0; j < S::kN; ++j) count += equal(v[j]);
  });
  count = combine_all<S>(count, Plus{});
  if (r >= x.count) return;
  const T share = T(1) / static_cast<T>(count);
  T* to = out[row];
  part.each([&](int64_t i, const T* v) {
    Pack<T, S::kN> shares;
#pragma unroll
    for (int j = 0; j < S::kN; ++j) shares.values[j] = equal(v[j]) ? share : T(0);
    put<S>(to, out.stride, i, shares);
  });
}

template <class T>
void shares_typed(In a, In y, Out out) {
  const Rows<const T> x(a), best = Rows<const T>::elements(y);
  const Rows<T> to(out);
  if (x.count == 0 || x.length == 0) return;
  by_share(x, x.in_vectors() && to.in_vectors(),
           [&]<class S>() { enqueue(shares_rows<T, S>, S::blocks(x.count), S::kBlock)(x, best, to); });
}

[[noreturn]] void raise_place(const DataFault& fault) {
  throw ShapeError("index " + std::to_string(fault.value) + " of row " + std::to_string(fault.order) +
                   " is outside an axis of " + std::to_string(fault.limit));
}

// The place in row r; -1, after a report, where it is outside.
__device__ int64_t place_in(const Rows<const int64_t>& index, int64_t r, int64_t length, DataErrorRecord* record) {
  const int64_t place = *index[r];
  if (static_cast<uint64_t>(place) < static_cast<uint64_t>(length)) return place;
  report(record, {r, place, length, 0});
  return -1;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    take_rows(Rows<const T> x, Rows<const int64_t> index, Rows<T> out, DataErrorRecord* record) {
  for (int64_t r = grid_thread(); r < x.count; r += grid_threads()) {
    const int64_t place = place_in(index, r, x.length, record);
    *out[r] = place < 0 ? T(0) : x[r][place * x.stride];
  }
}

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock)
    put_rows(Rows<const T> grad, Rows<const int64_t> index, Rows<T> out, DataErrorRecord* record) {
  const int64_t r = S::row();
  if (r >= out.count) return;
  const int64_t place = S::rank() == 0 ? place_in(index, r, out.length, record) : *index[r];
  const T value = *grad[r];
  T* to = out[r];
  for (int64_t i = S::rank() * S::kN; i < out.length; i += S::kThreads * S::kN) {
    Pack<T, S::kN> v;
#pragma unroll
    for (int j = 0; j < S::kN; ++j) v.values[j] = i + j == place ? value : T(0);
    put<S>(to, out.stride, i, v);
  }
}

template <class T>
void take_typed(In a, In index, Out out) {
  const Rows<const T> x(a);
  DataErrors errors(raise_place);
  enqueue(take_rows<T>, blocks_for(x.count, kThreads), kThreads)(x, Rows<const int64_t>::elements(index),
                                                                 Rows<T>::elements(out), errors.record());
  errors.check();
}

template <class T>
void put_typed(In grad, In index, Out out) {
  const Rows<T> to(out);
  DataErrors errors(raise_place);
  if (to.count > 0)
    by_share(to, to.in_vectors(), [&]<class S>() {
      enqueue(put_rows<T, S>, S::blocks(to.count), S::kBlock)(
          Rows<const T>::elements(grad), Rows<const int64_t>::elements(index), to, errors.record());
    });
  errors.check();
}

}  // namespace

void max(In a, Out values, Out indices) { extremum(a, true, values, indices); }
void min(In a, Out values, Out indices) { extremum(a, false, values, indices); }

void extremum_shares(In a, In y, Out out) {
  a.dtype == DType::f32 ? shares_typed<float>(a, y, out) : shares_typed<double>(a, y, out);
}

void take_last(In a, In index, Out out) {
  if (itemsize(a.dtype) == 4) return take_typed<uint32_t>(a, index, out);
  take_typed<uint64_t>(a, index, out);
}

void put_last(In grad, In index, const Ints&, Out out) {
  if (itemsize(grad.dtype) == 4) return put_typed<uint32_t>(grad, index, out);
  put_typed<uint64_t>(grad, index, out);
}

}  // namespace pe
