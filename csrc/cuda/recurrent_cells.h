// What a step of each recurrent cell does with one unit of one sequence, behind the product with W and before it.
//
// `step(at, a)`: a[g] is the unit's part of W·h' + bias; the cell writes its outputs. The backward step writes the
// slopes that go back through W, and returns what reaches h' past it; dc is the sequence's own, and changes in place.
#pragma once

#include "cuda/math.h"

namespace pe::cuda {

// Unit u of sequence b, in row `row`; h is that of the step before, whose row is `before`, or -1 at the first step.
template <class T>
struct At {
  int64_t row, before, b, u;
  T h;
};

template <class T>
struct Rnn {
  static constexpr int kGates = 1;
  int64_t hidden;
  bool relu;
  const T* gates;
  T* out;

  __device__ void step(const At<T>& at, const T (&a)[kGates]) const {
    const T x = gates[at.row * hidden + at.u] + a[0];
    out[at.row * hidden + at.u] = relu ? (x <= T(0) ? T(0) : x) : ::tanh(x);
  }
};

template <class T>
struct RnnBackward {
  static constexpr int kGates = 1;
  int64_t hidden;
  bool relu;
  const T *dout, *out;
  T* slopes;  // dgates

  __device__ T step(const At<T>& at, T dh, T*) const {
    const int64_t i = at.row * hidden + at.u;
    const T y = out[i], grad = dout ? dh + dout[i] : dh;
    slopes[i] = relu ? (y <= T(0) ? T(0) : grad) : grad * (1 - y * y);
    return 0;
  }
};

template <class T>
struct Lstm {
  static constexpr int kGates = 4, kStates = 5;
  int64_t hidden;
  const T *gates, *c0;
  T *out, *states;

  __device__ void step(const At<T>& at, const T (&a)[kGates]) const {
    const int64_t n = hidden;
    const T* x = gates + at.row * kGates * n + at.u;
    const T i = sigmoid_of(x[0] + a[0]), f = sigmoid_of(x[n] + a[1]), g = ::tanh(x[2 * n] + a[2]);
    const T o = sigmoid_of(x[3 * n] + a[3]);
    const T c = at.before < 0 ? c0[at.b * n + at.u] : states[(at.before * kStates + 4) * n + at.u];
    const T cell = f * c + i * g;
    out[at.row * n + at.u] = o * ::tanh(cell);
    T* s = states + at.row * kStates * n + at.u;
    s[0] = i;
    s[n] = f;
    s[2 * n] = g;
    s[3 * n] = o;
    s[4 * n] = cell;
  }
};

template <class T>
struct LstmBackward {
  static constexpr int kGates = 4, kStates = 5;
  int64_t hidden;
  const T *dout, *dstates, *states, *c0;
  T* slopes;  // dgates

  __device__ T step(const At<T>& at, T dh, T* dc) const {
    const int64_t n = hidden;
    const auto state = [&](int64_t k) { return states[(at.row * kStates + k) * n + at.u]; };
    const auto extra = [&](int64_t k) { return dstates ? dstates[(at.row * kStates + k) * n + at.u] : T(0); };
    const T i = state(0), f = state(1), g = state(2), o = state(3), t = ::tanh(state(4));
    const T earlier = at.before < 0 ? c0[at.b * n + at.u] : states[(at.before * kStates + 4) * n + at.u];
    const T grad = dout ? dh + dout[at.row * n + at.u] : dh;
    const T cell = *dc + grad * o * (1 - t * t) + extra(4);
    *dc = cell * f;
    T* d = slopes + at.row * kGates * n + at.u;
    d[0] = (cell * g + extra(0)) * i * (1 - i);
    d[n] = (cell * earlier + extra(1)) * f * (1 - f);
    d[2 * n] = (cell * i + extra(2)) * (1 - g * g);
    d[3 * n] = (grad * t + extra(3)) * o * (1 - o);
    return 0;
  }
};

template <class T>
struct Gru {
  static constexpr int kGates = 3, kStates = 4;
  int64_t hidden;
  const T* gates;
  T *out, *states;

  __device__ void step(const At<T>& at, const T (&a)[kGates]) const {
    const int64_t n = hidden;
    const T* x = gates + at.row * kGates * n + at.u;
    const T r = sigmoid_of(x[0] + a[0]), z = sigmoid_of(x[n] + a[1]), candidate = ::tanh(x[2 * n] + r * a[2]);
    out[at.row * n + at.u] = (1 - z) * candidate + z * at.h;
    T* s = states + at.row * kStates * n + at.u;
    s[0] = r;
    s[n] = z;
    s[2 * n] = candidate;
    s[3 * n] = a[2];
  }
};

template <class T>
struct GruBackward {
  static constexpr int kGates = 3, kStates = 4;
  int64_t hidden;
  const T *dout, *dstates, *states;
  T *dgates, *slopes;  // slopes: dhidden

  __device__ T step(const At<T>& at, T dh, T*) const {
    const int64_t n = hidden;
    const auto state = [&](int64_t k) { return states[(at.row * kStates + k) * n + at.u]; };
    const auto extra = [&](int64_t k) { return dstates ? dstates[(at.row * kStates + k) * n + at.u] : T(0); };
    const T r = state(0), z = state(1), candidate = state(2), q = state(3);
    const T grad = dout ? dh + dout[at.row * n + at.u] : dh;
    const T of_candidate = (grad * (1 - z) + extra(2)) * (1 - candidate * candidate);
    const T of_r = (of_candidate * q + extra(0)) * r * (1 - r);
    const T of_z = (grad * (at.h - candidate) + extra(1)) * z * (1 - z);
    T *d = dgates + at.row * kGates * n + at.u, *w = slopes + at.row * kGates * n + at.u;
    d[0] = w[0] = of_r;
    d[n] = w[n] = of_z;
    d[2 * n] = of_candidate;
    w[2 * n] = of_candidate * r + extra(3);
    return grad * z;
  }
};

}  // namespace pe::cuda
