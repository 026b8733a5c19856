// Recurrent layers over whole sequences: one call a layer and direction. T.
//
// Sequences are packed: [n, …] arrays hold the rows of step 0, then those of step 1, and so on; row b of a step is that
// of sequence b, the longest sequences first. Step t takes batch_sizes[t] rows (int64 [steps]), though no more than the
// step before took (`batch` = h0.shape[0] at first) and than are left; what no step takes comes out 0. Without
// batch_sizes each step takes `batch` rows. Under `reverse` the last step comes first, each sequence from its own end.
//
// gates[n, g·hidden] hold input · W_ihᵀ and the biases, weight[g·hidden, hidden] is W_hh, in PyTorch's order of gates.
// out[n, hidden] takes h, `last` [batch, hidden] that of each sequence's last step; `previous` is h of the step before,
// so that the gradient of weight is dgatesᵀ · previous. States are what the gradient needs: an output like any other.
#pragma once

#include "kernels/rules.h"

namespace pe {

// h = tanh(gates + W·h'), or relu of it, with h' of the step before
void rnn(In gates, In h0, In weight, OptIn batch_sizes, bool relu, bool reverse, Out out, Out last);
// i, f, g, o = gates + W·h'; c = σ(f)·c' + σ(i)·tanh(g); h = σ(o)·tanh(c). states[n, 5·hidden]: σ(i), σ(f), tanh(g),
// σ(o), c
void lstm(In gates, In h0, In c0, In weight, OptIn batch_sizes, bool reverse, Out out, Out last, Out last_c,
          Out states);
// r, z = σ(gates + W·h' + bias); n = tanh(gates + r·q) with q = W·h' + bias; h = (1 - z)·n + z·h'.
// states[n, 4·hidden]: r, z, n, q
void gru(In gates, In h0, In weight, In bias, OptIn batch_sizes, bool reverse, Out out, Out last, Out states);

// Gradients; y is what the layer gave as `out`, None stands for an upstream gradient of 0.
void rnn_backward(OptIn dout, OptIn dlast, In y, In h0, In weight, OptIn batch_sizes, bool relu, bool reverse,
                  Out dgates, Out dh0, Out previous);
void lstm_backward(OptIn dout, OptIn dlast, OptIn dlast_c, OptIn dstates, In states, In y, In h0, In c0, In weight,
                   OptIn batch_sizes, bool reverse, Out dgates, Out dh0, Out dc0, Out previous);
// dhidden is the gradient of W·h' + bias
void gru_backward(OptIn dout, OptIn dlast, OptIn dstates, In states, In y, In h0, In weight, OptIn batch_sizes,
                  bool reverse, Out dgates, Out dhidden, Out dh0, Out previous);

std::array<Spec, 2> rnn_outputs(In gates, In h0, In weight, OptIn batch_sizes, bool relu, bool reverse);
std::array<Spec, 4> lstm_outputs(In gates, In h0, In c0, In weight, OptIn batch_sizes, bool reverse);
std::array<Spec, 3> gru_outputs(In gates, In h0, In weight, In bias, OptIn batch_sizes, bool reverse);
std::array<Spec, 3> rnn_backward_outputs(OptIn dout, OptIn dlast, In y, In h0, In weight, OptIn batch_sizes, bool relu,
                                         bool reverse);
std::array<Spec, 4> lstm_backward_outputs(OptIn dout, OptIn dlast, OptIn dlast_c, OptIn dstates, In states, In y, In h0,
                                          In c0, In weight, OptIn batch_sizes, bool reverse);
std::array<Spec, 4> gru_backward_outputs(OptIn dout, OptIn dlast, OptIn dstates, In states, In y, In h0, In weight,
                                         OptIn batch_sizes, bool reverse);

template <class Visitor>
void for_each_recurrent_kernel(Visitor&& visit) {
  visit(Kernel<rnn, rnn_outputs>{"rnn", "gates, h0, weight, batch_sizes=None, relu=False, reverse=False"});
  visit(Kernel<lstm, lstm_outputs>{"lstm", "gates, h0, c0, weight, batch_sizes=None, reverse=False"});
  visit(Kernel<gru, gru_outputs>{"gru", "gates, h0, weight, bias, batch_sizes=None, reverse=False"});
  visit(Kernel<rnn_backward, rnn_backward_outputs>{
      "rnn_backward", "dout, dlast, y, h0, weight, batch_sizes=None, relu=False, reverse=False"});
  visit(Kernel<lstm_backward, lstm_backward_outputs>{
      "lstm_backward", "dout, dlast, dlast_c, dstates, states, y, h0, c0, weight, batch_sizes=None, reverse=False"});
  visit(Kernel<gru_backward, gru_backward_outputs>{
      "gru_backward", "dout, dlast, dstates, states, y, h0, weight, batch_sizes=None, reverse=False"});
}

}  // namespace pe
