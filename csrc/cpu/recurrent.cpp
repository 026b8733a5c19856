// rnn, lstm, gru: h = cell(gates + h'·Wᵀ) step by step, and their gradients back in time (kernels/recurrent.h).
//
// A step of B sequences is 2·g·H²·B FLOP (g gates) on g·H² weights and about 2·g·H·B numbers of the sequence. The
// products with the inputs, and those that give the weights' gradients, are made for all steps at once by matmul; what
// is left depends on the step before. The idea: sequences do not depend on each other, so a thread takes as many as a
// tile of the product has rows, and runs all their steps alone, without waiting for another: the weight is packed once
// and stays in L2, a step's product and state in L1, and the cell follows right behind the product. Left out: one
// sequence across several threads, which would have to wait for each other at every step.
#include "kernels/recurrent.h"

#include "cpu/recurrent_cells.h"
#include "cpu/recurrent_steps.h"
#include "cpu/recurrent_weight.h"

namespace pe {
namespace {

using namespace cpu;

// Sequences in blocks of even size, no more than a tile has rows; an even number of them, so that two threads are done
// at the same time.
struct Blocks {
  int64_t batch, count;

  explicit Blocks(int64_t sequences)
      : batch(sequences), count(std::min(batch, gemm::ceil_div(batch, 2 * gemm::MR) * 2)) {}
  int64_t first(int64_t block) const { return block * batch / count; }
  int64_t most() const { return gemm::ceil_div(batch, count); }  // sequences in a block
};

// run(first, last, memory) for all blocks of sequences, each with memory for `each` numbers a sequence.
template <class T, class Run>
void for_blocks(const Blocks& blocks, int64_t each, const Run& run) {
  Scratch<T> memory(blocks.batch * each);
  parallel_for(blocks.count, [&](int64_t block) {
    const int64_t first = blocks.first(block);
    run(first, blocks.first(block + 1), memory.data() + first * each);
  });
}

template <class T>
void fill_rows(T* to, const T* from, int64_t first, int64_t last, int64_t hidden) {
  if (from)
    std::copy(from + first * hidden, from + last * hidden, to);
  else
    std::fill(to, to + (last - first) * hidden, T{});
}

// The states before the first step and behind the last one; those of c are nullptr where a cell has none.
template <class T>
struct Ends {
  const T *h, *c;
  T *last, *last_c;
};

template <class T, class Cell>
void run_forward(const Cell& cell, const Steps& steps, const T* weight, const T* bias, const Ends<T>& ends) {
  const int64_t n = cell.hidden, batch = steps.batch(), columns = Cell::kGates * n;
  if (batch * n == 0) return;
  const Blocks blocks(batch);
  const PackedWeight<T> packed(weight, 1, n, n, columns, blocks.most());
  for_blocks<T>(blocks, columns + 2 * n, [&](int64_t first, int64_t last, T* product) {
    T *h = product + (last - first) * columns, *c = h + (last - first) * n;
    fill_rows(h, ends.h, first, last, n);
    fill_rows(c, ends.c, first, last, n);
    for (int64_t s = 0; s < steps.size(); ++s) {
      const int64_t t = steps.forth(s), rows = std::min(steps.count(t), last) - first;
      if (rows <= 0) continue;
      packed.multiply(h, n, rows, product, false, bias);
      for (int64_t i = 0; i < rows; ++i)
        cell.step(steps.offset(t) + first + i, product + i * columns, h + i * n, c + i * n);
    }
    std::copy(h, h + (last - first) * n, ends.last + first * n);
    if (ends.last_c) std::copy(c, c + (last - first) * n, ends.last_c + first * n);
  });
}

// The gradients of the states behind the last step, and before the first one.
template <class T>
struct EndGrads {
  const T *last, *last_c;
  T *h, *c;
};

template <class T, class Cell>
void run_backward(const Cell& cell, const Steps& steps, const T* weight, const T* out, const T* h0,
                  const EndGrads<T>& ends, T* previous) {
  const int64_t n = cell.hidden, batch = steps.batch(), columns = Cell::kGates * n;
  if (batch * n == 0) return;
  const Blocks blocks(batch);
  const PackedWeight<T> packed(weight, n, 1, columns, n, blocks.most());
  for_blocks<T>(blocks, 2 * n, [&](int64_t first, int64_t last, T* dh) {
    T* dc = dh + (last - first) * n;
    fill_rows(dh, ends.last, first, last, n);
    fill_rows(dc, ends.last_c, first, last, n);
    for (int64_t s = 0; s < steps.size(); ++s) {
      const int64_t t = steps.back(s), rows = std::min(steps.count(t), last) - first;
      if (rows <= 0) continue;
      for (int64_t i = 0; i < rows; ++i) {
        const int64_t row = steps.offset(t) + first + i, before = steps.before(t, first + i);
        const T* earlier = before < 0 ? h0 + (first + i) * n : out + before * n;
        std::copy(earlier, earlier + n, previous + row * n);
        cell.step(row, before, first + i, earlier, dh + i * n, dc + i * n);
      }
      packed.multiply(cell.slopes(steps.offset(t) + first), columns, rows, dh, Cell::kKeepsShare);
    }
    std::copy(dh, dh + (last - first) * n, ends.h + first * n);
    if (ends.c) std::copy(dc, dc + (last - first) * n, ends.c + first * n);
  });
}

template <class Run>
void by_float(In a, const Run& run) {
  a.dtype == DType::f32 ? run(float{}) : run(double{});
}

// Zeros in the rows that belong to no step.
template <class... Outs>
void clear_rest(const Steps& steps, Outs&... outs) {
  (outs.clear_from(steps.rows()), ...);
}

}  // namespace

void rnn(In gates, In h0, In weight, OptIn batch_sizes, bool relu, bool reverse, Out out, Out last) {
  by_float(gates, [&]<class T>(T) {
    const Steps steps(gates.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> x(gates), h(h0), w(weight);
    DenseOut<T> y(out), ends(last);
    run_forward<T>(Rnn<T>{h0.shape[1], relu, x, y}, steps, w, nullptr, {h, nullptr, ends, nullptr});
    clear_rest(steps, y);
  });
}

void rnn_backward(OptIn dout, OptIn dlast, In y, In h0, In weight, OptIn batch_sizes, bool relu, bool reverse,
                  Out dgates, Out dh0, Out previous) {
  by_float(y, [&]<class T>(T) {
    const Steps steps(y.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> above(dout), dends(dlast), hs(y), h(h0), w(weight);
    DenseOut<T> d(dgates), dh(dh0), earlier(previous);
    run_backward<T>(RnnBackward<T>{h0.shape[1], relu, above, hs, d}, steps, w, hs, h, {dends, nullptr, dh, nullptr},
                    earlier);
    clear_rest(steps, d, earlier);
  });
}

void lstm(In gates, In h0, In c0, In weight, OptIn batch_sizes, bool reverse, Out out, Out last, Out last_c,
          Out states) {
  by_float(gates, [&]<class T>(T) {
    const Steps steps(gates.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> x(gates), h(h0), c(c0), w(weight);
    DenseOut<T> y(out), ends(last), ends_c(last_c), s(states);
    run_forward<T>(Lstm<T>{h0.shape[1], x, y, s}, steps, w, nullptr, {h, c, ends, ends_c});
    clear_rest(steps, y, s);
  });
}

void lstm_backward(OptIn dout, OptIn dlast, OptIn dlast_c, OptIn dstates, In states, In y, In h0, In c0, In weight,
                   OptIn batch_sizes, bool reverse, Out dgates, Out dh0, Out dc0, Out previous) {
  by_float(y, [&]<class T>(T) {
    const Steps steps(y.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> above(dout), dends(dlast), dends_c(dlast_c), ds(dstates), s(states), hs(y), h(h0), c(c0), w(weight);
    DenseOut<T> d(dgates), dh(dh0), dc(dc0), earlier(previous);
    run_backward<T>(LstmBackward<T>{h0.shape[1], above, ds, s, c, d}, steps, w, hs, h, {dends, dends_c, dh, dc},
                    earlier);
    clear_rest(steps, d, earlier);
  });
}

void gru(In gates, In h0, In weight, In bias, OptIn batch_sizes, bool reverse, Out out, Out last, Out states) {
  by_float(gates, [&]<class T>(T) {
    const Steps steps(gates.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> x(gates), h(h0), w(weight), b(bias);
    DenseOut<T> y(out), ends(last), s(states);
    run_forward<T>(Gru<T>{h0.shape[1], x, y, s}, steps, w, b, {h, nullptr, ends, nullptr});
    clear_rest(steps, y, s);
  });
}

void gru_backward(OptIn dout, OptIn dlast, OptIn dstates, In states, In y, In h0, In weight, OptIn batch_sizes,
                  bool reverse, Out dgates, Out dhidden, Out dh0, Out previous) {
  by_float(y, [&]<class T>(T) {
    const Steps steps(y.shape[0], h0.shape[0], batch_sizes, reverse);
    const Dense<T> above(dout), dends(dlast), ds(dstates), s(states), hs(y), h(h0), w(weight);
    DenseOut<T> d(dgates), dw(dhidden), dh(dh0), earlier(previous);
    run_backward<T>(GruBackward<T>{h0.shape[1], above, ds, s, d, dw}, steps, w, hs, h, {dends, nullptr, dh, nullptr},
                    earlier);
    clear_rest(steps, d, dw, earlier);
  });
}

}  // namespace pe
