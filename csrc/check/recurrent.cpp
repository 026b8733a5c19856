#include <algorithm>
#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

// Steps times sequences, or the sequences of each step; blocks of sequences, columns behind whole vectors.
struct Case {
  int64_t rows, batch, hidden;
  Shape counts;
  bool reverse;
};
const Case kCases[] = {{15, 5, 4, {}, false},          {15, 5, 9, {}, true},
                       {66, 33, 17, {}, false},        {2, 1, 33, {}, true},
                       {8, 4, 3, {4, 2, 1}, false},    {8, 4, 3, {4, 2, 1}, true},
                       {40, 17, 8, {17, 16, 7}, true}, {5, 3, 5, {9, -1, 2}, false},
                       {0, 3, 5, {}, false},           {0, 0, 4, {}, true},
                       {12, 4, 70, {4, 4, 4}, false}};

size_t at(int64_t row, int64_t columns, int64_t column) { return static_cast<size_t>(row * columns + column); }
double sigmoid(double a) { return 1 / (1 + std::exp(-a)); }

Tensor drawn(DType dtype, const Shape& shape, int64_t seed, Layout layout = Layout::rows) {
  Tensor tensor(dtype, shape, layout);
  tensor.fill([=](int64_t i) { return static_cast<double>((i * 37 + seed * 11) % 13 - 6) / 8; });
  return tensor;
}

// One row of one sequence, in the order of the layer's direction; `before` is the row one step earlier, or -1.
struct Visit {
  int64_t row, before, sequence;
};

std::vector<Visit> visits(const Case& c) {
  Shape offsets{0}, counts = c.counts;
  if (counts.empty() && c.batch > 0) counts.assign(static_cast<size_t>(c.rows / c.batch), c.batch);
  int64_t live = c.batch;
  for (int64_t wanted : counts) {
    live = std::min({live, std::max<int64_t>(wanted, 0), c.rows - offsets.back()});
    offsets.push_back(offsets.back() + live);
  }
  std::vector<Visit> found;
  Shape latest(static_cast<size_t>(c.batch), -1);
  for (size_t s = 0; s < counts.size(); ++s) {
    const size_t t = c.reverse ? counts.size() - 1 - s : s;
    for (int64_t row = offsets[t]; row < offsets[t + 1]; ++row) {
      int64_t& before = latest[static_cast<size_t>(row - offsets[t])];
      found.push_back({row, before, row - offsets[t]});
      before = row;
    }
  }
  return found;
}

// A layer in double: its operands, and what its formulas make of them.
struct Layer {
  const Case& c;
  int64_t gates, states;  // of a row, in units of hidden
  bool relu;
  Values x, h0, c0, w, bias, out, kept;

  Layer(const Case& layer, int64_t gate_count, int64_t state_count, bool is_relu)
      : c(layer), gates(gate_count), states(state_count), relu(is_relu) {}

  double h(const Visit& v, int64_t k) const {
    return v.before < 0 ? h0[at(v.sequence, c.hidden, k)] : out[at(v.before, c.hidden, k)];
  }
  double state(int64_t row, int64_t i, int64_t u) const { return kept[at(row, states * c.hidden, i * c.hidden + u)]; }
  double cell(const Visit& v, int64_t u) const {
    return v.before < 0 ? c0[at(v.sequence, c.hidden, u)] : state(v.before, 4, u);
  }

  double product(const Visit& v, int64_t gate, int64_t u) const {
    const int64_t j = gate * c.hidden + u;
    double sum = bias.empty() ? 0 : bias[static_cast<size_t>(j)];
    for (int64_t k = 0; k < c.hidden; ++k) sum += h(v, k) * w[at(j, c.hidden, k)];
    return sum;
  }

  void unit(const Visit& v, int64_t u) {
    const auto input = [&](int64_t g) { return x[at(v.row, gates * c.hidden, g * c.hidden + u)]; };
    const auto keep = [&](int64_t i, double value) { kept[at(v.row, states * c.hidden, i * c.hidden + u)] = value; };
    const auto gate = [&](int64_t g) { return input(g) + product(v, g, u); };
    double& y = out[at(v.row, c.hidden, u)];
    if (gates == 1) {
      y = relu ? std::max(gate(0), 0.0) : std::tanh(gate(0));
    } else if (gates == 4) {
      const double i = sigmoid(gate(0)), f = sigmoid(gate(1)), g = std::tanh(gate(2)), o = sigmoid(gate(3));
      const double now = f * cell(v, u) + i * g;
      const double all[] = {i, f, g, o, now};
      for (int64_t k = 0; k < 5; ++k) keep(k, all[k]);
      y = o * std::tanh(now);
    } else {
      const double r = sigmoid(gate(0)), z = sigmoid(gate(1)), q = product(v, 2, u), n = std::tanh(input(2) + r * q);
      const double all[] = {r, z, n, q};
      for (int64_t k = 0; k < 4; ++k) keep(k, all[k]);
      y = (1 - z) * n + z * h(v, u);
    }
  }

  void run() {
    out.assign(static_cast<size_t>(c.rows * c.hidden), 0);
    kept.assign(static_cast<size_t>(c.rows * c.hidden * states), 0);
    for (const Visit& v : visits(c))
      for (int64_t u = 0; u < c.hidden; ++u) unit(v, u);
  }

  // The state of each sequence behind its last step: of h, or for an LSTM of c.
  Values last(bool of_c) const {
    Values ends = of_c ? c0 : h0;
    for (const Visit& v : visits(c))
      for (int64_t u = 0; u < c.hidden; ++u)
        ends[at(v.sequence, c.hidden, u)] = of_c ? state(v.row, 4, u) : out[at(v.row, c.hidden, u)];
    return ends;
  }

  // Slopes back through W, those of the inputs, and dh and dc from behind the last step to before the first.
  void back(Values& dh, Values& dc, const Values& dout, const Values& dkept, Values& slopes, Values& inputs) const {
    slopes.assign(static_cast<size_t>(c.rows * gates * c.hidden), 0);
    inputs = slopes;
    std::vector<Visit> order = visits(c);
    std::reverse(order.begin(), order.end());
    for (const Visit& v : order) {
      for (int64_t u = 0; u < c.hidden; ++u) unit_back(v, u, dh, dc, dout, dkept, slopes, inputs);
      for (int64_t k = 0; k < c.hidden; ++k) {
        double& sum = dh[at(v.sequence, c.hidden, k)];
        for (int64_t j = 0; j < gates * c.hidden; ++j)
          sum += slopes[at(v.row, gates * c.hidden, j)] * w[at(j, c.hidden, k)];
      }
    }
  }

  // Leaves in dh what reaches the state before past W.
  void unit_back(const Visit& v, int64_t u, Values& dh, Values& dc, const Values& dout, const Values& dkept,
                 Values& slopes, Values& inputs) const {
    const auto s = [&](int64_t i) { return state(v.row, i, u); };
    const auto extra = [&](int64_t i) {
      return dkept.empty() ? 0.0 : dkept[at(v.row, states * c.hidden, i * c.hidden + u)];
    };
    double& carried = dh[at(v.sequence, c.hidden, u)];
    const double grad = carried + (dout.empty() ? 0.0 : dout[at(v.row, c.hidden, u)]), y = out[at(v.row, c.hidden, u)];
    double slope[4] = {}, input = 0;
    carried = 0;
    if (gates == 1) {
      slope[0] = input = relu ? (y <= 0 ? 0 : grad) : grad * (1 - y * y);
    } else if (gates == 4) {
      double& of_c = dc[at(v.sequence, c.hidden, u)];
      const double t = std::tanh(s(4)), now = of_c + grad * s(3) * (1 - t * t) + extra(4);
      slope[0] = (now * s(2) + extra(0)) * s(0) * (1 - s(0));
      slope[1] = (now * cell(v, u) + extra(1)) * s(1) * (1 - s(1));
      slope[2] = (now * s(0) + extra(2)) * (1 - s(2) * s(2));
      slope[3] = (grad * t + extra(3)) * s(3) * (1 - s(3));
      of_c = now * s(1);
    } else {
      input = (grad * (1 - s(1)) + extra(2)) * (1 - s(2) * s(2));
      slope[0] = (input * s(3) + extra(0)) * s(0) * (1 - s(0));
      slope[1] = (grad * (h(v, u) - s(2)) + extra(1)) * s(1) * (1 - s(1));
      slope[2] = input * s(0) + extra(3);
      carried = grad * s(1);
    }
    for (int64_t g = 0; g < gates; ++g) {
      const size_t i = at(v.row, gates * c.hidden, g * c.hidden + u);
      slopes[i] = inputs[i] = slope[g];
      if (gates == 3 && g == 2) inputs[i] = input;
    }
  }

  Values previous() const {
    Values found(out.size(), 0);
    for (const Visit& v : visits(c))
      for (int64_t u = 0; u < c.hidden; ++u) found[at(v.row, c.hidden, u)] = h(v, u);
    return found;
  }
};

// A layer's operands as tensors, of which some lie in `layout`, and in double.
struct Operands {
  Layer plain;
  Tensor gates, h0, c0, weight, bias, sizes;
  OptIn counts;

  Operands(const Case& c, DType dtype, Layout layout, int64_t gate_count, int64_t state_count, bool relu)
      : plain(c, gate_count, state_count, relu),
        gates(drawn(dtype, {c.rows, gate_count * c.hidden}, 1, layout)),
        h0(drawn(dtype, {c.batch, c.hidden}, 2)),
        c0(drawn(dtype, {c.batch, c.hidden}, 3, layout)),
        weight(drawn(dtype, {gate_count * c.hidden, c.hidden}, 4, layout)),
        bias(drawn(dtype, {gate_count * c.hidden}, 5)),
        sizes(DType::i64, {static_cast<int64_t>(c.counts.size())}),
        counts(c.counts.empty() ? nullptr : &sizes) {
    sizes.fill([&](int64_t t) { return static_cast<double>(c.counts[static_cast<size_t>(t)]); });
    plain.x = gates.values(), plain.h0 = h0.values(), plain.c0 = c0.values(), plain.w = weight.values();
    if (gate_count == 3) plain.bias = bias.values();
    plain.run();
  }
};

// three steps, each a sum over the units of the one before
double tolerance(DType dtype) { return 8 * rounding(dtype); }

template <class Body>
void for_each_case(int64_t gates, int64_t states, bool relu, const Body& body) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Case& c : kCases) {
        const Operands o(c, dtype, layout, gates, states, relu);
        std::string what(" ");
        what += describe(o.gates, layout);
        if (c.reverse) what += " reversed";
        body(o, what, dtype);
      }
}

void check_rnn(Report& report) {
  for (bool relu : {false, true})
    for_each_case(1, 0, relu, [&](const Operands& o, const std::string& what, DType dtype) {
      const bool reverse = o.plain.c.reverse;
      const auto specs = rnn_outputs(o.gates, o.h0, o.weight, o.counts, relu, reverse);
      Tensor out(specs[0]), last(specs[1], Layout::transposed);
      const auto call = [&] { rnn(o.gates, o.h0, o.weight, o.counts, relu, reverse, out, last); };
      report.expect("rnn" + what, out, [&] { return o.plain.out; }, tolerance(dtype), call);
      report.expect("rnn, last" + what, last, [&] { return o.plain.last(false); }, tolerance(dtype), call);
    });
  const Tensor rows = drawn(DType::f32, {5, 3}, 1), h0 = drawn(DType::f32, {2, 3}, 2), w = drawn(DType::f32, {3, 3}, 3);
  report.expect_refusal("rnn of half a step", [&] { rnn_outputs(rows, h0, w, nullptr, false, false); });
}

void check_lstm(Report& report) {
  for_each_case(4, 5, false, [&](const Operands& o, const std::string& what, DType dtype) {
    const bool reverse = o.plain.c.reverse;
    const auto specs = lstm_outputs(o.gates, o.h0, o.c0, o.weight, o.counts, reverse);
    Tensor out(specs[0], Layout::transposed), last(specs[1]), last_c(specs[2]), states(specs[3]);
    const auto call = [&] { lstm(o.gates, o.h0, o.c0, o.weight, o.counts, reverse, out, last, last_c, states); };
    report.expect("lstm" + what, out, [&] { return o.plain.out; }, tolerance(dtype), call);
    report.expect("lstm, last" + what, last, [&] { return o.plain.last(false); }, tolerance(dtype), call);
    report.expect("lstm, last c" + what, last_c, [&] { return o.plain.last(true); }, tolerance(dtype), call);
    report.expect("lstm, states" + what, states, [&] { return o.plain.kept; }, tolerance(dtype), call);
  });
}

void check_gru(Report& report) {
  for_each_case(3, 4, false, [&](const Operands& o, const std::string& what, DType dtype) {
    const bool reverse = o.plain.c.reverse;
    const auto specs = gru_outputs(o.gates, o.h0, o.weight, o.bias, o.counts, reverse);
    Tensor out(specs[0]), last(specs[1]), states(specs[2], Layout::transposed);
    const auto call = [&] { gru(o.gates, o.h0, o.weight, o.bias, o.counts, reverse, out, last, states); };
    report.expect("gru" + what, out, [&] { return o.plain.out; }, tolerance(dtype), call);
    report.expect("gru, last" + what, last, [&] { return o.plain.last(false); }, tolerance(dtype), call);
    report.expect("gru, states" + what, states, [&] { return o.plain.kept; }, tolerance(dtype), call);
  });
}

// What a backward kernel gets beside the layer's own: the forward's results, rounded, and upstream gradients.
struct Upstream {
  Tensor out, states, dout, dlast, dlast_c, dstates;
  Layer plain;
  Values dh, dc, slopes, inputs;

  Upstream(const Operands& o, DType dtype)
      : out(dtype, {o.plain.c.rows, o.plain.c.hidden}),
        states(dtype, {o.plain.c.rows, o.plain.states * o.plain.c.hidden}),
        dout(drawn(dtype, {o.plain.c.rows, o.plain.c.hidden}, 6, Layout::transposed)),
        dlast(drawn(dtype, {o.plain.c.batch, o.plain.c.hidden}, 7)),
        dlast_c(drawn(dtype, {o.plain.c.batch, o.plain.c.hidden}, 8)),
        dstates(drawn(dtype, {o.plain.c.rows, o.plain.states * o.plain.c.hidden}, 9)),
        plain(o.plain) {
    out.fill([&](int64_t i) { return o.plain.out[static_cast<size_t>(i)]; });
    states.fill([&](int64_t i) { return o.plain.kept[static_cast<size_t>(i)]; });
    plain.out = out.values(), plain.kept = states.values();
    dh = dlast.values(), dc = dlast_c.values();
    plain.back(dh, dc, dout.values(), dstates.values(), slopes, inputs);
  }
};

void check_rnn_backward(Report& report) {
  for (bool relu : {false, true})
    for_each_case(1, 0, relu, [&](const Operands& o, const std::string& what, DType dtype) {
      const Upstream u(o, dtype);
      const bool reverse = o.plain.c.reverse;
      const auto specs = rnn_backward_outputs(&u.dout, &u.dlast, u.out, o.h0, o.weight, o.counts, relu, reverse);
      Tensor dgates(specs[0]), dh0(specs[1]), previous(specs[2]);
      const auto call = [&] {
        rnn_backward(&u.dout, &u.dlast, u.out, o.h0, o.weight, o.counts, relu, reverse, dgates, dh0, previous);
      };
      report.expect("rnn_backward" + what, dgates, [&] { return u.slopes; }, tolerance(dtype), call);
      report.expect("rnn_backward, h0" + what, dh0, [&] { return u.dh; }, tolerance(dtype), call);
      report.expect("rnn_backward, previous" + what, previous, [&] { return u.plain.previous(); }, 0, call);
    });
}

void check_lstm_backward(Report& report) {
  for_each_case(4, 5, false, [&](const Operands& o, const std::string& what, DType dtype) {
    const Upstream u(o, dtype);
    const bool reverse = o.plain.c.reverse;
    const auto specs = lstm_backward_outputs(&u.dout, &u.dlast, &u.dlast_c, &u.dstates, u.states, u.out, o.h0, o.c0,
                                             o.weight, o.counts, reverse);
    Tensor dgates(specs[0]), dh0(specs[1]), dc0(specs[2]), previous(specs[3]);
    const auto call = [&] {
      lstm_backward(&u.dout, &u.dlast, &u.dlast_c, &u.dstates, u.states, u.out, o.h0, o.c0, o.weight, o.counts, reverse,
                    dgates, dh0, dc0, previous);
    };
    report.expect("lstm_backward" + what, dgates, [&] { return u.slopes; }, tolerance(dtype), call);
    report.expect("lstm_backward, h0" + what, dh0, [&] { return u.dh; }, tolerance(dtype), call);
    report.expect("lstm_backward, c0" + what, dc0, [&] { return u.dc; }, tolerance(dtype), call);
    report.expect("lstm_backward, previous" + what, previous, [&] { return u.plain.previous(); }, 0, call);
  });
}

void check_gru_backward(Report& report) {
  for_each_case(3, 4, false, [&](const Operands& o, const std::string& what, DType dtype) {
    const Upstream u(o, dtype);
    const bool reverse = o.plain.c.reverse;
    const auto specs =
        gru_backward_outputs(&u.dout, &u.dlast, &u.dstates, u.states, u.out, o.h0, o.weight, o.counts, reverse);
    Tensor dgates(specs[0]), dhidden(specs[1], Layout::transposed), dh0(specs[2]), previous(specs[3]);
    const auto call = [&] {
      gru_backward(&u.dout, &u.dlast, &u.dstates, u.states, u.out, o.h0, o.weight, o.counts, reverse, dgates, dhidden,
                   dh0, previous);
    };
    report.expect("gru_backward" + what, dgates, [&] { return u.inputs; }, tolerance(dtype), call);
    report.expect("gru_backward, hidden" + what, dhidden, [&] { return u.slopes; }, tolerance(dtype), call);
    report.expect("gru_backward, h0" + what, dh0, [&] { return u.dh; }, tolerance(dtype), call);
    report.expect("gru_backward, previous" + what, previous, [&] { return u.plain.previous(); }, 0, call);
  });
}

const Registered kRnn{"rnn", check_rnn};
const Registered kLstm{"lstm", check_lstm};
const Registered kGru{"gru", check_gru};
const Registered kRnnBackward{"rnn_backward", check_rnn_backward};
const Registered kLstmBackward{"lstm_backward", check_lstm_backward};
const Registered kGruBackward{"gru_backward", check_gru_backward};

}  // namespace
}  // namespace pe::check
