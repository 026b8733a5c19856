// rnn, lstm, gru: h = cell(gates + h'·Wᵀ) step by step, and their gradients back in time (kernels/recurrent.h).
//
// A step of B sequences is 2·g·H²·B FLOP (g gates) on g·H² weights; matmul makes the products of all steps before and
// after. The idea: sequences do not depend on each other, so a block takes one and runs all its steps, with a barrier
// of its own a step in place of a launch. A thread has a unit, its gates and its cell: neighbours read neighbouring
// weights, and all read the same h'. Forward wants W with units along its rows, so W is transposed first.
// Left out: weights kept in registers and shared memory over all steps, for which blocks of a whole GPU would have to
// wait for each other; here they come from L2 at every step, 4·g·H² bytes a block.
#include "kernels/recurrent.h"

#include "cuda/by_dtype.h"
#include "cuda/recurrent_cells.h"
#include "cuda/recurrent_steps.h"

namespace pe {
namespace {

using namespace cuda;

// The states before the first step and behind the last one; those of c are nullptr where a cell has none.
template <class T>
struct Ends {
  const T *h, *c;
  T *last, *last_c;
};

// w[hidden, gates · hidden] is W transposed.
template <class T, class Cell>
__global__ void __launch_bounds__(kThreads)
    run_forward(Cell cell, Steps steps, const T* w, const T* bias, Ends<T> ends) {
  constexpr int G = Cell::kGates;
  const int64_t b = blockIdx.x, n = cell.hidden;
  int64_t reached = -1;
  for (int64_t s = 0; s < steps.size; ++s) {
    const int64_t t = steps.forth(s);
    if (b >= steps.count(t)) continue;  // all threads of the block alike
    const int64_t row = steps.offset(t) + b, before = steps.before(t, b);
    const T* h = before < 0 ? ends.h + b * n : cell.out + before * n;
    for (int64_t u = threadIdx.x; u < n; u += blockDim.x) {
      T a[G];
#pragma unroll
      for (int g = 0; g < G; ++g) a[g] = bias ? bias[g * n + u] : T(0);
      for (int64_t k = 0; k < n; ++k) {
        const T x = h[k], *column = w + k * G * n + u;
#pragma unroll
        for (int g = 0; g < G; ++g) a[g] += x * column[g * n];
      }
      cell.step({row, before, b, u, h[u]}, a);
    }
    __syncthreads();  // the next step reads all of h
    reached = row;
  }
  const T* h = reached < 0 ? ends.h + b * n : cell.out + reached * n;
  for (int64_t u = threadIdx.x; u < n; u += blockDim.x) {
    ends.last[b * n + u] = h[u];
    if constexpr (G == 4)
      ends.last_c[b * n + u] = reached < 0 ? ends.c[b * n + u] : cell.states[(reached * Cell::kStates + 4) * n + u];
  }
}

// The gradients of the states behind the last step; h and c carry theirs back to before the first one.
template <class T>
struct EndGrads {
  const T *last, *last_c;
  T *h, *c;
};

template <class T, class Cell>
__global__ void __launch_bounds__(kThreads)
    run_backward(Cell cell, Steps steps, const T* w, const T* out, const T* h0, EndGrads<T> ends, T* previous) {
  const int64_t b = blockIdx.x, n = cell.hidden, columns = Cell::kGates * n;
  T *dh = ends.h + b * n, *dc = ends.c ? ends.c + b * n : nullptr;  // of a unit only its own thread's
  for (int64_t u = threadIdx.x; u < n; u += blockDim.x) {
    dh[u] = ends.last ? ends.last[b * n + u] : T(0);
    if (dc) dc[u] = ends.last_c ? ends.last_c[b * n + u] : T(0);
  }
  for (int64_t s = 0; s < steps.size; ++s) {
    const int64_t t = steps.back(s);
    if (b >= steps.count(t)) continue;
    const int64_t row = steps.offset(t) + b, before = steps.before(t, b);
    const T* h = before < 0 ? h0 + b * n : out + before * n;
    for (int64_t u = threadIdx.x; u < n; u += blockDim.x) {
      previous[row * n + u] = h[u];
      dh[u] = cell.step({row, before, b, u, h[u]}, dh[u], dc ? dc + u : nullptr);
    }
    __syncthreads();  // every unit of h' takes part in all gates
    const T* slopes = cell.slopes + row * columns;
    for (int64_t u = threadIdx.x; u < n; u += blockDim.x) {
      T sum = dh[u];
      for (int64_t j = 0; j < columns; ++j) sum += slopes[j] * w[j * n + u];
      dh[u] = sum;
    }
  }
}

unsigned threads_for(int64_t hidden) {
  return static_cast<unsigned>(std::clamp<int64_t>(ceil_div(hidden, kWarp) * kWarp, kWarp, kThreads));
}

template <class T, class Cell>
void forward(const Cell& cell, const DeviceSteps& steps, In weight, const T* bias, const Ends<T>& ends) {
  if (cell.hidden == 0) return;
  DeviceScratch<T> turned(weight.size());
  Array transposed = weight;
  std::swap(transposed.shape[0], transposed.shape[1]);
  std::swap(transposed.strides[0], transposed.strides[1]);
  Array to = dense_view(transposed, turned.data());
  copy(transposed, weight.dtype, to);
  enqueue(run_forward<T, Cell>, static_cast<unsigned>(steps.batch()), threads_for(cell.hidden))(
      cell, steps, turned.data(), bias, ends);
}

template <class T, class Cell>
void backward(const Cell& cell, const DeviceSteps& steps, const T* weight, const T* out, const T* h0,
              const EndGrads<T>& ends, T* previous) {
  if (cell.hidden == 0) return;
  enqueue(run_backward<T, Cell>, static_cast<unsigned>(steps.batch()), threads_for(cell.hidden))(
      cell, steps, weight, out, h0, ends, previous);
}

}  // namespace

void rnn(In gates, In h0, In weight, OptIn batch_sizes, bool relu, bool reverse, Out out, Out last) {
  by_float("rnn", gates.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const DeviceSteps steps(gates.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> x(gates), h(h0);
    const DenseOut<T> hs(out), ends(last);
    forward<T>(Rnn<T>{h0.shape[1], relu, x, hs}, steps, weight, nullptr, {h, nullptr, ends, nullptr});
    hs.finish(steps);
    ends.finish();
  });
}

void rnn_backward(OptIn dout, OptIn dlast, In y, In h0, In weight, OptIn batch_sizes, bool relu, bool reverse,
                  Out dgates, Out dh0, Out previous) {
  by_float("rnn_backward", y.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const DeviceSteps steps(y.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> above(dout), dends(dlast), hs(y), h(h0), w(weight);
    const DenseOut<T> d(dgates), dh(dh0), earlier(previous);
    backward<T>(RnnBackward<T>{h0.shape[1], relu, above, hs, d}, steps, w, hs, h, {dends, nullptr, dh, nullptr},
                earlier);
    d.finish(steps);
    dh.finish();
    earlier.finish(steps);
  });
}

void lstm(In gates, In h0, In c0, In weight, OptIn batch_sizes, bool reverse, Out out, Out last, Out last_c,
          Out states) {
  by_float("lstm", gates.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const DeviceSteps steps(gates.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> x(gates), h(h0), c(c0);
    const DenseOut<T> hs(out), ends(last), ends_c(last_c), kept(states);
    forward<T>(Lstm<T>{h0.shape[1], x, c, hs, kept}, steps, weight, nullptr, {h, c, ends, ends_c});
    hs.finish(steps);
    kept.finish(steps);
    ends.finish();
    ends_c.finish();
  });
}

void lstm_backward(OptIn dout, OptIn dlast, OptIn dlast_c, OptIn dstates, In states, In y, In h0, In c0, In weight,
                   OptIn batch_sizes, bool reverse, Out dgates, Out dh0, Out dc0, Out previous) {
  by_float("lstm_backward", y.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const DeviceSteps steps(y.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> above(dout), dends(dlast), dends_c(dlast_c), ds(dstates), s(states), hs(y), h(h0), c(c0), w(weight);
    const DenseOut<T> d(dgates), dh(dh0), dc(dc0), earlier(previous);
    backward<T>(LstmBackward<T>{h0.shape[1], above, ds, s, c, d}, steps, w, hs, h, {dends, dends_c, dh, dc}, earlier);
    d.finish(steps);
    dh.finish();
    dc.finish();
    earlier.finish(steps);
  });
}

void gru(In gates, In h0, In weight, In bias, OptIn batch_sizes, bool reverse, Out out, Out last, Out states) {
  by_float("gru", gates.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const DeviceSteps steps(gates.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> x(gates), h(h0), b(bias);
    const DenseOut<T> hs(out), ends(last), kept(states);
    forward<T>(Gru<T>{h0.shape[1], x, hs, kept}, steps, weight, b, {h, nullptr, ends, nullptr});
    hs.finish(steps);
    kept.finish(steps);
    ends.finish();
  });
}

void gru_backward(OptIn dout, OptIn dlast, OptIn dstates, In states, In y, In h0, In weight, OptIn batch_sizes,
                  bool reverse, Out dgates, Out dhidden, Out dh0, Out previous) {
  by_float("gru_backward", y.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const DeviceSteps steps(y.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> above(dout), dends(dlast), ds(dstates), s(states), hs(y), h(h0), w(weight);
    const DenseOut<T> d(dgates), dw(dhidden), dh(dh0), earlier(previous);
    backward<T>(GruBackward<T>{h0.shape[1], above, ds, s, d, dw}, steps, w, hs, h, {dends, nullptr, dh, nullptr},
                earlier);
    d.finish(steps);
    dw.finish(steps);
    dh.finish();
    earlier.finish(steps);
  });
}

}  // namespace pe
