// sgd_step: one step of stochastic gradient descent over all parameters, in place.
//
//   g = grad + weight_decay · p;  with momentum: b = momentum · b + g, g = b (nesterov: g + momentum · b);  p -= lr · g
//
// 4 to 8 FLOP an element against 3 (with momentum 5) elements of memory: limited by memory. The idea: all is done while
// an element is in a register, and all parameters form one long sequence that is cut into equal blocks, so that a
// network of many small tensors costs one parallel region, and one large tensor does not leave threads idle.
#include <array>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/rows.h"
#include "kernels/sgd.h"

namespace pe {

namespace {

constexpr int64_t kBlock = 16384;  // elements of a block

template <class T>
struct Rule {
  T lr, momentum, weight_decay;
  bool nesterov;
};

// One segment: n elements at strides (1 where contiguous). b is nullptr without momentum.
template <class T, bool kMomentum, bool kNesterov, class V>
inline void update(const Rule<T>& rule, V& p, V g, V& b) {
  g = g + rule.weight_decay * p;
  if constexpr (kMomentum) {
    b = rule.momentum * b + g;
    g = kNesterov ? g + rule.momentum * b : b;
  }
  p = p - rule.lr * g;
}

template <class T>
struct Segment {
  T* p;
  const T* g;
  T* b;
  int64_t p_stride, g_stride, b_stride, n;
};

template <class T, bool kMomentum, bool kNesterov>
void update_segment(const Rule<T>& rule, const Segment<T>& s) {
  constexpr int W = kLanes<T>;
  int64_t i = 0;
  if (s.p_stride == 1 && s.g_stride == 1 && s.b_stride == 1) {
    for (; i + W <= s.n; i += W) {
      Vec<T> p = load(s.p + i), b{};
      if constexpr (kMomentum) b = load(s.b + i);
      update<T, kMomentum, kNesterov>(rule, p, load(s.g + i), b);
      store(s.p + i, p);
      if constexpr (kMomentum) store(s.b + i, b);
    }
  }
  for (; i < s.n; ++i) {
    T unused = 0;
    T& b = kMomentum ? s.b[i * s.b_stride] : unused;
    update<T, kMomentum, kNesterov>(rule, s.p[i * s.p_stride], s.g[i * s.g_stride], b);
  }
}

// All of an array as one row where its elements lie in one block.
Array flattened(const Array& a, bool flat) {
  Array row = a;
  if (!flat) return row;
  row.ndim = 1;
  row.shape[0] = a.size();
  row.strides[0] = 1;
  return row;
}

// Elements [begin, end) of one parameter.
template <class T>
void update_range(const Rule<T>& rule, const Array& p, const Array& g, const Array* b, int64_t begin, int64_t end) {
  const bool flat = is_contiguous(p) && is_contiguous(g) && (!b || is_contiguous(*b));
  const Rows<T> p_rows(flattened(p, flat)), b_rows(flattened(b ? *b : p, flat));
  const Rows<const T> g_rows(flattened(g, flat));
  const int64_t length = p_rows.length;
  while (begin < end) {
    const int64_t row = begin / length, column = begin % length;
    const int64_t n = std::min(end - begin, length - column);
    const Segment<T> segment{p_rows[row] + column * p_rows.stride,
                             g_rows[row] + column * g_rows.stride,
                             b_rows[row] + column * b_rows.stride,
                             p_rows.stride,
                             g_rows.stride,
                             b_rows.stride,
                             n};
    if (!b) {
      update_segment<T, false, false>(rule, segment);
    } else if (rule.nesterov) {
      update_segment<T, true, true>(rule, segment);
    } else {
      update_segment<T, true, false>(rule, segment);
    }
    begin += n;
  }
}

double value_of(In scalar) { return scalar.dtype == DType::f32 ? *scalar.as<float>() : *scalar.as<double>(); }

}  // namespace

void sgd_step(InOutList params, InList grads, InOutList buffers, In lr, double momentum, double weight_decay,
              bool nesterov) {
  const auto count = static_cast<int64_t>(params.size());
  if (count == 0) return;
  Scratch<int64_t> starts(count + 1);  // parameter i holds elements starts[i] … starts[i + 1] - 1 of the sequence
  starts[0] = 0;
  for (int64_t i = 0; i < count; ++i) starts[i + 1] = starts[i] + params[i].size();

  const double rate = value_of(lr);
  const Rule<float> rule32{static_cast<float>(rate), static_cast<float>(momentum), static_cast<float>(weight_decay),
                           nesterov};
  const Rule<double> rule64{rate, momentum, weight_decay, nesterov};
  parallel_ranges(starts[count], kBlock, [&](int64_t begin, int64_t end) {
    int64_t i = std::upper_bound(starts.data(), starts.data() + count + 1, begin) - starts.data() - 1;
    for (; begin < end; ++i) {
      const int64_t stop = std::min(end, starts[i + 1]);
      const Array* buffer = momentum != 0 ? &buffers[i] : nullptr;
      if (params[i].dtype == DType::f32) {
        update_range(rule32, params[i], grads[i], buffer, begin - starts[i], stop - starts[i]);
      } else {
        update_range(rule64, params[i], grads[i], buffer, begin - starts[i], stop - starts[i]);
      }
      begin = stop;
    }
  });
}

}  // namespace pe
