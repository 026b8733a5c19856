#include "kernels/recurrent.h"

#include <initializer_list>

namespace pe {

namespace {

Spec matrix(DType dtype, int64_t rows, int64_t columns) { return {dtype, 2, {rows, columns}}; }

void require_matrix(const char* what, In a, In like, int64_t rows, int64_t columns) {
  require_same_dtype(like, a);
  if (a.ndim != 2 || a.shape[0] != rows || a.shape[1] != columns) {
    const int64_t shape[] = {rows, columns};
    throw ShapeError(std::string(what) + " must be of shape " + describe_shape(shape, 2) + ", not " + describe(a));
  }
}

void require_matrix(const char* what, OptIn a, In like, int64_t rows, int64_t columns) {
  if (a) require_matrix(what, *a, like, rows, columns);
}

// Rows, sequences and width of h of a layer, of which these arrays fit together.
struct Sizes {
  int64_t rows, batch, hidden;

  Sizes(In by_row, int64_t columns, In h0, In weight, int64_t gates, OptIn batch_sizes) {
    require_float(by_row);
    if (by_row.ndim != 2 || h0.ndim != 2)
      throw ShapeError("needs rows of all steps and a state for each sequence: " + both(by_row, h0));
    rows = by_row.shape[0], batch = h0.shape[0], hidden = h0.shape[1];
    require_matrix("an array of all steps", by_row, by_row, rows, columns * hidden);
    require_matrix("h0", h0, by_row, batch, hidden);
    require_matrix("weight", weight, by_row, gates * hidden, hidden);
    if (!batch_sizes && (batch == 0 ? rows != 0 : rows % batch != 0))
      throw ShapeError("without batch_sizes every step has a row for each sequence: " + both(by_row, h0));
    if (batch_sizes && (batch_sizes->dtype != DType::i64 || batch_sizes->ndim != 1))
      throw ShapeError("batch_sizes is int64, one number a step, not " + describe(*batch_sizes));
  }
};

}  // namespace

std::array<Spec, 2> rnn_outputs(In gates, In h0, In weight, OptIn batch_sizes, bool, bool) {
  const Sizes is(gates, 1, h0, weight, 1, batch_sizes);
  return {like(gates), like(h0)};
}

std::array<Spec, 4> lstm_outputs(In gates, In h0, In c0, In weight, OptIn batch_sizes, bool) {
  const Sizes is(gates, 4, h0, weight, 4, batch_sizes);
  require_matrix("c0", c0, gates, is.batch, is.hidden);
  return {matrix(gates.dtype, is.rows, is.hidden), like(h0), like(h0), matrix(gates.dtype, is.rows, 5 * is.hidden)};
}

std::array<Spec, 3> gru_outputs(In gates, In h0, In weight, In bias, OptIn batch_sizes, bool) {
  const Sizes is(gates, 3, h0, weight, 3, batch_sizes);
  require_same_dtype(gates, bias);
  if (bias.ndim != 1 || bias.shape[0] != 3 * is.hidden)
    throw ShapeError("each row of the weight needs a bias: " + both(weight, bias));
  return {matrix(gates.dtype, is.rows, is.hidden), like(h0), matrix(gates.dtype, is.rows, 4 * is.hidden)};
}

std::array<Spec, 3> rnn_backward_outputs(OptIn dout, OptIn dlast, In y, In h0, In weight, OptIn batch_sizes, bool,
                                         bool) {
  const Sizes is(y, 1, h0, weight, 1, batch_sizes);
  require_matrix("dout", dout, y, is.rows, is.hidden);
  require_matrix("dlast", dlast, y, is.batch, is.hidden);
  return {like(y), like(h0), like(y)};
}

std::array<Spec, 4> lstm_backward_outputs(OptIn dout, OptIn dlast, OptIn dlast_c, OptIn dstates, In states, In y, In h0,
                                          In c0, In weight, OptIn batch_sizes, bool) {
  const Sizes is(states, 5, h0, weight, 4, batch_sizes);
  require_matrix("y", y, states, is.rows, is.hidden);
  require_matrix("c0", c0, states, is.batch, is.hidden);
  require_matrix("dout", dout, states, is.rows, is.hidden);
  require_matrix("dlast", dlast, states, is.batch, is.hidden);
  require_matrix("dlast_c", dlast_c, states, is.batch, is.hidden);
  require_matrix("dstates", dstates, states, is.rows, 5 * is.hidden);
  return {matrix(y.dtype, is.rows, 4 * is.hidden), like(h0), like(h0), like(y)};
}

std::array<Spec, 4> gru_backward_outputs(OptIn dout, OptIn dlast, OptIn dstates, In states, In y, In h0, In weight,
                                         OptIn batch_sizes, bool) {
  const Sizes is(states, 4, h0, weight, 3, batch_sizes);
  require_matrix("y", y, states, is.rows, is.hidden);
  require_matrix("dout", dout, states, is.rows, is.hidden);
  require_matrix("dlast", dlast, states, is.batch, is.hidden);
  require_matrix("dstates", dstates, states, is.rows, 4 * is.hidden);
  const Spec dgates = matrix(y.dtype, is.rows, 3 * is.hidden);
  return {dgates, dgates, like(h0), like(y)};
}

}  // namespace pe
