// The engine behind every elementwise kernel: out[i] = f(a[i], b[i], …) with NumPy's broadcasting.
//
//   elementwise<float, float, float>(Add{}, out, a, b);      elementwise<Bool, double, double>(Less{}, out, a, b);
//
// f is an object with a templated operator() on whole vectors; a Bool arrives and leaves as a mask. f only ever sees
// operands that are contiguous or one constant (elementwise_walk.h sees to that), so a kernel costs 2^inputs - 1 small
// loops of machine code, and as many for results that go past the caches. Each element is read and written once; long
// arrays run in blocks on all threads.
#pragma once

#include <algorithm>
#include <tuple>
#include <type_traits>

#include "cpu/elementwise_walk.h"
#include "cpu/lanes.h"
#include "cpu/streams.h"

namespace pe::cpu {

namespace detail {

template <class T, int N, int kWidth>
struct Stream {
  const Stored<T>* p;
  auto at(int64_t i) const { return from_stored<T, N, kWidth>(load_lanes<Stored<T>, N>(p + i)); }
  auto some(int64_t n) const { return from_stored<T, N, kWidth>(load_some<Stored<T>, N>(p, n)); }
};

template <class T, int N, int kWidth>
struct Constant {
  decltype(from_stored<T, N, kWidth>(Lanes<Stored<T>, N>{})) value;
  explicit Constant(const Stored<T>* p) : value(from_stored<T, N, kWidth>(*p - Lanes<Stored<T>, N>{})) {}
  auto at(int64_t) const { return value; }
  auto some(int64_t) const { return value; }
};

template <class F, class TOut, class... TIns>
struct Loop {
  static constexpr int kWidth = std::max({sizeof(Stored<TOut>), sizeof(Stored<TIns>)...});
  static constexpr int kN = kVecBytes / kWidth;
  static constexpr int kLine = static_cast<int>(kStreamLine) / static_cast<int>(sizeof(Stored<TOut>));

  template <class... Inputs>
  static void over(const F& f, Stored<TOut>* out, int64_t n, Inputs... in) {
    if (n < kN) {
      const auto v = to_stored<TOut, kN>(f(in.some(n)...));
      std::memcpy(out, &v, static_cast<size_t>(n) * sizeof(Stored<TOut>));
      return;
    }
    // the last vector overlaps its neighbour; it is computed first, because the output may be one of the inputs
    const auto last = to_stored<TOut, kN>(f(in.at(n - kN)...));
    for (int64_t i = 0; i + kN <= n; i += kN) {
      const auto v = to_stored<TOut, kN>(f(in.at(i)...));
      store_lanes<Stored<TOut>, kN>(out + i, v);
    }
    store_lanes<Stored<TOut>, kN>(out + n - kN, last);
  }

  // The same past the caches: whole lines from the first border on, the ends as above. `out` is none of the inputs.
  template <class... Inputs>
  static void streamed(const F& f, Stored<TOut>* out, int64_t n, Inputs... in) {
    constexpr int64_t kSize = sizeof(Stored<TOut>);
    if (n < 2 * kLine || past_line(out) % kSize != 0) return over(f, out, n, in...);
    const auto put = [&](int64_t i) { store_lanes<Stored<TOut>, kN>(out + i, to_stored<TOut, kN>(f(in.at(i)...))); };
    const int64_t border = (kStreamLine - past_line(out)) % kStreamLine / kSize;
    for (int64_t i = 0; i < border; i += kN) put(i);
    int64_t i = stream_lines(f, out, border, n, in...);
    for (; i + kN <= n; i += kN) put(i);
    if (i < n) put(n - kN);
  }

  // Returns where the last whole line of [i, n) ends. Flattened: f is then in this loop, its constants out of it.
  template <class... Inputs>
  [[gnu::flatten, gnu::noinline]] static int64_t stream_lines(const F& f, Stored<TOut>* out, int64_t i, int64_t n,
                                                              Inputs... in) {
    for (; i + kLine <= n; i += kLine) {
      Lanes<Stored<TOut>, kN> line[kLine / kN];
#pragma GCC unroll 4
      for (int k = 0; k < kLine / kN; ++k) line[k] = to_stored<TOut, kN>(f(in.at(i + k * kN)...));
#pragma GCC unroll 4
      for (int k = 0; k < kLine / kN; ++k)
        stream(reinterpret_cast<float*>(out + i + k * kN), std::bit_cast<Vec<float>>(line[k]));
    }
    return i;
  }

  // Chooses, input by input, the loop that reads it as a stream or as a constant.
  template <bool kAllConstant, class... Chosen>
  static void choose(const F& f, char* const* data, int64_t n, unsigned constants, Chosen... chosen) {
    constexpr size_t k = sizeof...(Chosen);
    if constexpr (k == sizeof...(TIns)) {
      auto* const out = reinterpret_cast<Stored<TOut>*>(data[0]);
      if constexpr (sizeof(Stored<TOut>) * kN == kVecBytes)
        if (constants & kStreamed) return streamed(f, out, n, chosen...);
      over(f, out, n, chosen...);
    } else {
      using T = std::tuple_element_t<k, std::tuple<TIns...>>;
      const auto* p = reinterpret_cast<const Stored<T>*>(data[k + 1]);
      if constexpr (!(kAllConstant && k + 1 == sizeof...(TIns)))
        if (constants >> (k + 1) & 1)
          return choose<kAllConstant>(f, data, n, constants, chosen..., Constant<T, kN, kWidth>(p));
      choose<false>(f, data, n, constants, chosen..., Stream<T, kN, kWidth>{p});
    }
  }

  static void run(const void* functor, char* const* data, int64_t n, unsigned constants) {
    choose<true>(*static_cast<const F*>(functor), data, n, constants);
  }
};

}  // namespace detail

// out = f(ins…) on elements of types TOut and TIns. The dtypes of the arrays must be these types'.
template <class TOut, class... TIns, class F, class... Ins>
void elementwise(const F& f, Out out, const Ins&... ins) {
  static_assert(sizeof...(TIns) == sizeof...(Ins) && sizeof...(Ins) < kMaxOperands);
  const Array* const arrays[] = {&out, &ins...};
  static_assert(sizeof(F) <= kMaxFunctorBytes && std::is_trivially_copyable_v<F>);
  run_elements({detail::Loop<F, TOut, TIns...>::run, &f, sizeof(F)}, arrays, 1 + static_cast<int>(sizeof...(Ins)));
}

}  // namespace pe::cpu
