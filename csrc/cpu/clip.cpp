// Clipping: global_norm, clip_factor, scale_all, clamp_all over lists of arrays.
//
//   norm = √(Σ a²);  factor = min(1, max_norm / (norm + 1e-6));  a = factor · a;  a = min(max(a, -limit), limit)
//
// 2 FLOP an element that is read once (global_norm), 1 to 2 an element that is read and written: limited by memory.
// The idea: one walk over all arrays (cpu/param_walk.h). The sum is taken in float64, in which no square of a float32
// overflows: lane by lane over a block, then over the blocks in their order, so that the bits depend on sizes only.
#include "kernels/clip.h"

#include "cpu/param_walk.h"

namespace pe {

namespace {

using Doubles = Vec<double>;
constexpr int kWays = 4;  // independent sums that hide the latency of an addition

template <class T>
inline Doubles load_doubles(const T* p) {
  if constexpr (std::is_same_v<T, double>) {
    return load(p);
  } else {
    typedef float Half __attribute__((vector_size(kVecBytes / 2)));
    Half half;
    std::memcpy(&half, p, sizeof(half));
    return __builtin_convertvector(half, Doubles);
  }
}

template <class T>
double sum_of_squares(const Segment<T, 1>& s) {
  constexpr int W = kLanes<double>;
  const T* p = s.data[0];
  Doubles sums[kWays] = {};
  int64_t i = 0;
  if (s.dense()) {
    for (; i + kWays * W <= s.n; i += kWays * W) {
#pragma GCC unroll 4
      for (int way = 0; way < kWays; ++way) {
        const Doubles v = load_doubles(p + i + way * W);
        sums[way] += v * v;
      }
    }
  }
  double rest = 0;
  for (; i < s.n; ++i) {
    const double value = p[i * s.strides[0]];
    rest += value * value;
  }
  return sum_lanes<double>((sums[0] + sums[1]) + (sums[2] + sums[3])) + rest;
}

template <class T>
struct Scale {
  static constexpr unsigned kWrites = 0b1;
  T factor;

  template <class V>
  void operator()(V* v) const {
    v[0] = v[0] * factor;
  }
};

// Comparisons with NaN are false, so NaN stays.
template <class T>
struct Clamp {
  static constexpr unsigned kWrites = 0b1;
  T limit;

  template <class V>
  void operator()(V* v) const {
    const V high = limit - V{}, low = -high;
    v[0] = select(v[0] > high, high, select(v[0] < low, low, v[0]));
  }
};

template <template <class> class Update>
void update_all(InOutList arrays, double setting) {
  walk_params<1>(static_cast<int64_t>(arrays.size()), {arrays.data()}, [&](int64_t, int64_t, const auto& segment) {
    using T = typename std::remove_cvref_t<decltype(segment)>::Element;
    update_segment(segment, Update<T>{static_cast<T>(setting)});
  });
}

void write(Out out, double value) {
  if (out.dtype == DType::f32) {
    *out.as<float>() = static_cast<float>(value);
  } else {
    *out.as<double>() = value;
  }
}

}  // namespace

void global_norm(InList arrays, Out out) {
  int64_t size = 0;
  for (const Array& a : arrays) size += a.size();
  const int64_t blocks = (size + kParamBlock - 1) / kParamBlock;
  Scratch<double> partial(std::max<int64_t>(blocks, 1));
  std::fill_n(partial.data(), blocks, 0.0);
  walk_params<1>(static_cast<int64_t>(arrays.size()), {arrays.data()},
                 [&](int64_t block, int64_t, const auto& segment) { partial[block] += sum_of_squares(segment); });
  double total = 0;
  for (int64_t block = 0; block < blocks; ++block) total += partial[block];
  write(out, std::sqrt(total));
}

void clip_factor(In norm, double max_norm, Out out) {
  const double factor = max_norm / (value_of(norm) + 1e-6);
  write(out, factor > 1 ? 1 : factor);  // NaN stays NaN
}

void scale_all(InOutList arrays, In factor) {
  const double value = value_of(factor);
  if (value != 1) update_all<Scale>(arrays, value);
}

void clamp_all(InOutList arrays, double limit) { update_all<Clamp>(arrays, limit); }

}  // namespace pe
