// What a step of each recurrent cell does with one row, column by column, behind the product with W and before it.
//
// `step(row, …)` reads and writes row `row` of the packed arrays; h, c, dh, dc are the sequence's own state or gradient
// and change in place. Derivatives are written in terms of the results: σ' = s(1 - s), tanh' = 1 - t².
#pragma once

#include <cstring>

#include "cpu/vec_activations.h"

namespace pe::cpu {

// A whole vector, or the columns that are left at the end of a row.
template <class T, bool kWhole>
struct Columns {
  int64_t count;

  Vec<T> load(const T* p) const {
    if constexpr (kWhole) return pe::load(p);
    T lanes[kLanes<T>] = {};
    std::memcpy(lanes, p, static_cast<size_t>(count) * sizeof(T));
    return pe::load(lanes);
  }
  Vec<T> load_or_zero(const T* p, int64_t at) const { return p ? load(p + at) : Vec<T>{}; }

  void store(T* p, Vec<T> v) const {
    if constexpr (kWhole) return pe::store(p, v);
    std::memcpy(p, &v, static_cast<size_t>(count) * sizeof(T));
  }
};

// body(columns, u) for columns u … of a row
template <class T, class Body>
inline void for_columns(int64_t hidden, const Body& body) {
  int64_t u = 0;
  for (; u + kLanes<T> <= hidden; u += kLanes<T>) body(Columns<T, true>{kLanes<T>}, u);
  if (u < hidden) body(Columns<T, false>{hidden - u}, u);
}

template <class T>
inline const T* row_or_null(const T* rows, int64_t row, int64_t length) {
  return rows ? rows + row * length : nullptr;
}

template <class T>
struct Rnn {
  static constexpr int64_t kGates = 1;
  int64_t hidden;
  bool relu;
  const T* gates;
  T* out;

  void step(int64_t row, const T* product, T* h, T*) const {
    const T* x = gates + row * hidden;
    T* y = out + row * hidden;
    for_columns<T>(hidden, [&](auto at, int64_t u) {
      const Vec<T> a = at.load(x + u) + at.load(product + u);
      const Vec<T> v = relu ? select(a <= Vec<T>{}, Vec<T>{}, a) : math::tanh(a);
      at.store(h + u, v);
      at.store(y + u, v);
    });
  }
};

template <class T>
struct RnnBackward {
  static constexpr int64_t kGates = 1;
  static constexpr bool kKeepsShare = false;
  int64_t hidden;
  bool relu;
  const T *dout, *out;
  T* dgates;

  T* slopes(int64_t row) const { return dgates + row * hidden; }  // what goes back through W

  void step(int64_t row, int64_t, int64_t, const T*, T* dh, T*) const {
    const T *above = row_or_null(dout, row, hidden), *h = out + row * hidden;
    T* d = slopes(row);
    for_columns<T>(hidden, [&](auto at, int64_t u) {
      const Vec<T> y = at.load(h + u), grad = at.load(dh + u) + at.load_or_zero(above, u);
      at.store(d + u, relu ? select(y <= Vec<T>{}, Vec<T>{}, grad) : grad * (T(1) - y * y));
    });
  }
};

template <class T>
struct Lstm {
  static constexpr int64_t kGates = 4, kStates = 5;
  int64_t hidden;
  const T* gates;
  T *out, *states;

  void step(int64_t row, const T* product, T* h, T* c) const {
    const int64_t n = hidden;
    const T* x = gates + row * kGates * n;
    T *y = out + row * n, *s = states + row * kStates * n;
    for_columns<T>(n, [&](auto at, int64_t u) {
      const auto gate = [&](int64_t g) { return at.load(x + g * n + u) + at.load(product + g * n + u); };
      const Vec<T> i = math::sigmoid(gate(0)), f = math::sigmoid(gate(1)), g = math::tanh(gate(2));
      const Vec<T> o = math::sigmoid(gate(3)), cell = f * at.load(c + u) + i * g, v = o * math::tanh(cell);
      at.store(c + u, cell);
      at.store(h + u, v);
      at.store(y + u, v);
      at.store(s + u, i);
      at.store(s + n + u, f);
      at.store(s + 2 * n + u, g);
      at.store(s + 3 * n + u, o);
      at.store(s + 4 * n + u, cell);
    });
  }
};

template <class T>
struct LstmBackward {
  static constexpr int64_t kGates = 4, kStates = 5;
  static constexpr bool kKeepsShare = false;
  int64_t hidden;
  const T *dout, *dstates, *states, *c0;
  T* dgates;

  T* slopes(int64_t row) const { return dgates + row * kGates * hidden; }

  void step(int64_t row, int64_t before, int64_t sequence, const T*, T* dh, T* dc) const {
    const int64_t n = hidden;
    const T *above = row_or_null(dout, row, n), *ds = row_or_null(dstates, row, kStates * n);
    const T* s = states + row * kStates * n;
    const T* earlier = before < 0 ? c0 + sequence * n : states + (before * kStates + 4) * n;
    T* d = slopes(row);
    for_columns<T>(n, [&](auto at, int64_t u) {
      const auto state = [&](int64_t i) { return at.load(s + i * n + u); };
      const auto extra = [&](int64_t i) { return at.load_or_zero(ds, i * n + u); };
      const Vec<T> i = state(0), f = state(1), g = state(2), o = state(3), t = math::tanh(state(4));
      const Vec<T> grad = at.load(dh + u) + at.load_or_zero(above, u);
      const Vec<T> cell = at.load(dc + u) + grad * o * (T(1) - t * t) + extra(4);
      at.store(dc + u, cell * f);
      at.store(d + u, (cell * g + extra(0)) * i * (T(1) - i));
      at.store(d + n + u, (cell * at.load(earlier + u) + extra(1)) * f * (T(1) - f));
      at.store(d + 2 * n + u, (cell * i + extra(2)) * (T(1) - g * g));
      at.store(d + 3 * n + u, (grad * t + extra(3)) * o * (T(1) - o));
    });
  }
};

template <class T>
struct Gru {
  static constexpr int64_t kGates = 3, kStates = 4;
  int64_t hidden;
  const T* gates;
  T *out, *states;

  void step(int64_t row, const T* product, T* h, T*) const {
    const int64_t n = hidden;
    const T* x = gates + row * kGates * n;
    T *y = out + row * n, *s = states + row * kStates * n;
    for_columns<T>(n, [&](auto at, int64_t u) {
      const Vec<T> r = math::sigmoid(at.load(x + u) + at.load(product + u));
      const Vec<T> z = math::sigmoid(at.load(x + n + u) + at.load(product + n + u));
      const Vec<T> q = at.load(product + 2 * n + u), candidate = math::tanh(at.load(x + 2 * n + u) + r * q);
      const Vec<T> v = (T(1) - z) * candidate + z * at.load(h + u);
      at.store(h + u, v);
      at.store(y + u, v);
      at.store(s + u, r);
      at.store(s + n + u, z);
      at.store(s + 2 * n + u, candidate);
      at.store(s + 3 * n + u, q);
    });
  }
};

template <class T>
struct GruBackward {
  static constexpr int64_t kGates = 3, kStates = 4;
  static constexpr bool kKeepsShare = true;  // z·dh reaches h' past W
  int64_t hidden;
  const T *dout, *dstates, *states;
  T *dgates, *dhidden;

  T* slopes(int64_t row) const { return dhidden + row * kGates * hidden; }

  void step(int64_t row, int64_t, int64_t, const T* earlier, T* dh, T*) const {
    const int64_t n = hidden;
    const T *above = row_or_null(dout, row, n), *ds = row_or_null(dstates, row, kStates * n);
    const T* s = states + row * kStates * n;
    T *d = dgates + row * kGates * n, *w = slopes(row);
    for_columns<T>(n, [&](auto at, int64_t u) {
      const auto state = [&](int64_t i) { return at.load(s + i * n + u); };
      const auto extra = [&](int64_t i) { return at.load_or_zero(ds, i * n + u); };
      const Vec<T> r = state(0), z = state(1), candidate = state(2), q = state(3);
      const Vec<T> grad = at.load(dh + u) + at.load_or_zero(above, u);
      const Vec<T> of_candidate = (grad * (T(1) - z) + extra(2)) * (T(1) - candidate * candidate);
      const Vec<T> of_r = (of_candidate * q + extra(0)) * r * (T(1) - r);
      const Vec<T> of_z = (grad * (at.load(earlier + u) - candidate) + extra(1)) * z * (T(1) - z);
      at.store(dh + u, grad * z);
      for (T* to : {d, w}) {
        at.store(to + u, of_r);
        at.store(to + n + u, of_z);
      }
      at.store(d + 2 * n + u, of_candidate);
      at.store(w + 2 * n + u, of_candidate * r + extra(3));
    });
  }
};

}  // namespace pe::cpu
