// The engine behind every elementwise kernel: out[i] = f(a[i], b[i], …) with NumPy's broadcasting.
//
//   elementwise<float, float, float>(Add{}, out, a, b);      elementwise<Bool, double, double>(Less{}, out, a, b);
//
// f is an object with a templated operator() on whole vectors; a Bool arrives and leaves as a mask. f only ever sees
// operands that are contiguous or one constant: other strides are gathered into a buffer in L1 first and scattered
// afterwards by code that all kernels share, so that a kernel costs 2^inputs - 1 small loops of machine code.
// Reads and writes each element once; long arrays run in blocks on all threads.
#pragma once

#include <algorithm>
#include <tuple>

#include "core/parallel.h"
#include "cpu/lanes.h"
#include "cpu/loops.h"

namespace pe::cpu {

// A kernel's loop over n elements: data[0] is the output, data[i] input i; bit i of `constants` says that input i is a
// single element. At least one input is not.
struct ElementLoop {
  void (*run)(const void* functor, char* const* data, int64_t n, unsigned constants);
  const void* functor;

  void operator()(char* const* data, int64_t n, unsigned constants) const { run(functor, data, n, constants); }
};

namespace detail {

inline constexpr int64_t kChunk = 512;    // elements in a gather buffer: 4 operands of 8 bytes take half of L1
inline constexpr int64_t kShortRow = 64;  // rows below this length are gathered together

enum class Access { stream, constant, gather };

// How the loop reaches each operand, as bits.
struct Plan {
  unsigned constants = 0;
  unsigned gathered = 0;

  template <class Classify>
  Plan(int operands, Classify classify) {
    for (int op = 0; op < operands; ++op) {
      const Access access = classify(op);
      constants |= static_cast<unsigned>(access == Access::constant && op > 0) << op;
      gathered |= static_cast<unsigned>(access == Access::gather) << op;
    }
    if (constants + 2 == 1u << operands) {  // nothing but constants: spread the first over a buffer
      constants &= ~2u;
      gathered |= 2u;
    }
  }

  bool gathers(int op) const { return gathered >> op & 1; }
};

struct GatherBuffers {
  alignas(64) char bytes[kMaxOperands][kChunk * 8];
};

// Elements [begin, end) of one row whose operands start at `row`.
inline void run_row(const ElementLoop& loop, const Walk& walk, const int64_t* sizes, const Plan& plan, char* const* row,
                    int64_t begin, int64_t end, GatherBuffers& buffers) {
  const int64_t step = plan.gathered ? kChunk : end - begin;
  for (int64_t at = begin; at < end; at += step) {
    const int64_t n = std::min(step, end - at);
    char* data[kMaxOperands];
    for (int op = 0; op < walk.operands; ++op) {
      data[op] = row[op] + at * walk.inner_stride(op);
      if (plan.gathers(op)) {
        if (op > 0) copy_run(buffers.bytes[op], sizes[op], data[op], walk.inner_stride(op), n, sizes[op]);
        data[op] = buffers.bytes[op];
      }
    }
    loop(data, n, plan.constants);
    if (plan.gathers(0))
      copy_run(row[0] + at * walk.inner_stride(0), walk.inner_stride(0), data[0], sizes[0], n, sizes[0]);
  }
}

// Rows long enough to be worth a call of the loop each.
inline void run_long_rows(const ElementLoop& loop, const Walk& walk, const int64_t* sizes) {
  const Plan plan(walk.operands, [&](int op) {
    const int64_t stride = walk.inner_stride(op);
    return stride == sizes[op] ? Access::stream : stride == 0 ? Access::constant : Access::gather;
  });
  parallel_rows(walk, kBlock, [&](char* const* row, int64_t begin, int64_t end) {
    GatherBuffers buffers;
    run_row(loop, walk, sizes, plan, row, begin, end, buffers);
  });
}

// Rows so short that several are gathered and handed to the loop together.
inline void run_short_rows(const ElementLoop& loop, const Walk& walk, const int64_t* sizes) {
  const Plan plan(walk.operands, [&](int op) {
    bool dense = true, constant = true;
    int64_t expected = sizes[op];
    for (int axis = walk.ndim - 1; axis >= 0; expected *= walk.shape[axis--]) {
      dense &= walk.strides[op][axis] == expected;
      constant &= walk.strides[op][axis] == 0;
    }
    return dense ? Access::stream : constant ? Access::constant : Access::gather;
  });
  const int64_t length = walk.inner(), rows = walk.rows();
  const int64_t rows_at_once = kChunk / length;
  parallel_ranges(rows, std::max<int64_t>(rows_at_once, kBlock / length), [&](int64_t first, int64_t last) {
    GatherBuffers buffers;
    RowCursor cursor(walk, first);
    for (int64_t row = first; row < last; row += rows_at_once) {
      const int64_t count = std::min(rows_at_once, last - row);
      char* data[kMaxOperands];
      for (int op = 0; op < walk.operands; ++op) data[op] = plan.gathers(op) ? buffers.bytes[op] : cursor.data[op];
      RowCursor outputs = cursor;
      for (int64_t i = 0; i < count; ++i, cursor.next())
        for (int op = 1; op < walk.operands; ++op)
          if (plan.gathers(op))
            copy_run(data[op] + i * length * sizes[op], sizes[op], cursor.data[op], walk.inner_stride(op), length,
                     sizes[op]);
      loop(data, count * length, plan.constants);
      if (plan.gathers(0))
        for (int64_t i = 0; i < count; ++i, outputs.next())
          copy_run(outputs.data[0], walk.inner_stride(0), data[0] + i * length * sizes[0], sizes[0], length, sizes[0]);
    }
  });
}

inline bool same_shape(const Array& a, const Array& b) {
  if (a.ndim != b.ndim) return false;
  for (int i = 0; i < a.ndim; ++i)
    if (a.shape[i] != b.shape[i]) return false;
  return true;
}

// Everything contiguous, or a single element: no walk to build. Returns false where it is not so.
inline bool run_contiguous(const ElementLoop& loop, const Array* const* arrays, int count, int64_t size) {
  if (!is_contiguous(*arrays[0])) return false;
  unsigned constants = 0;
  char* data[kMaxOperands];
  data[0] = arrays[0]->as<char>();
  for (int op = 1; op < count; ++op) {
    const Array& a = *arrays[op];
    data[op] = a.as<char>();
    if (same_shape(a, *arrays[0]) && is_contiguous(a)) continue;
    if (a.size() != 1) return false;
    constants |= 1u << op;
  }
  if (constants + 2 == 1u << count) return false;
  if (size <= kBlock) {
    loop(data, size, constants);
    return true;
  }
  parallel_ranges(size, kBlock, [&](int64_t begin, int64_t end) {
    char* at[kMaxOperands];
    for (int op = 0; op < count; ++op)
      at[op] = data[op] + (constants >> op & 1 ? 0 : begin * itemsize(arrays[op]->dtype));
    loop(at, end - begin, constants);
  });
  return true;
}

}  // namespace detail

// Runs the loop over arrays[0], the output, and the inputs that broadcast to it.
[[gnu::noinline]] inline void run_elements(const ElementLoop& loop, const Array* const* arrays, int count) {
  const int64_t size = arrays[0]->size();
  if (size == 0 || detail::run_contiguous(loop, arrays, count, size)) return;
  int64_t sizes[kMaxOperands];
  for (int op = 0; op < count; ++op) sizes[op] = itemsize(arrays[op]->dtype);
  const Walk walk = collapse(arrays, count);
  if (walk.ndim > 1 && walk.inner() < detail::kShortRow) {
    detail::run_short_rows(loop, walk, sizes);
  } else {
    detail::run_long_rows(loop, walk, sizes);
  }
}

namespace detail {

template <class T, int N, size_t kWidth>
struct Stream {
  const Stored<T>* p;
  auto at(int64_t i) const { return from_stored<T, N, kWidth>(load_lanes<Stored<T>, N>(p + i)); }
  auto some(int64_t i, int64_t n) const { return from_stored<T, N, kWidth>(load_some<Stored<T>, N>(p + i, n)); }
};

template <class T, int N, size_t kWidth>
struct Constant {
  decltype(from_stored<T, N, kWidth>(Lanes<Stored<T>, N>{})) value;
  explicit Constant(const Stored<T>* p) : value(from_stored<T, N, kWidth>(*p - Lanes<Stored<T>, N>{})) {}
  auto at(int64_t) const { return value; }
  auto some(int64_t, int64_t) const { return value; }
};

template <class F, class TOut, class... TIns>
struct Loop {
  static constexpr size_t kWidth = std::max({sizeof(Stored<TOut>), sizeof(Stored<TIns>)...});
  static constexpr int kN = kVecBytes / static_cast<int>(kWidth);

  template <class... Inputs>
  static void over(const F& f, Stored<TOut>* out, int64_t n, Inputs... in) {
    int64_t i = 0;
    for (; i + kN <= n; i += kN) {
      const auto v = to_stored<TOut, kN>(f(in.at(i)...));
      std::memcpy(out + i, &v, sizeof(v));
    }
    if (i < n) {
      const auto v = to_stored<TOut, kN>(f(in.some(i, n - i)...));
      std::memcpy(out + i, &v, static_cast<size_t>(n - i) * sizeof(Stored<TOut>));
    }
  }

  // Chooses, input by input, the loop that reads it as a stream or as a constant.
  template <bool kAllConstant, class... Chosen>
  static void choose(const F& f, char* const* data, int64_t n, unsigned constants, Chosen... chosen) {
    constexpr size_t k = sizeof...(Chosen);
    if constexpr (k == sizeof...(TIns)) {
      over(f, reinterpret_cast<Stored<TOut>*>(data[0]), n, chosen...);
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
  run_elements({detail::Loop<F, TOut, TIns...>::run, &f}, arrays, 1 + static_cast<int>(sizeof...(Ins)));
}

}  // namespace pe::cpu
