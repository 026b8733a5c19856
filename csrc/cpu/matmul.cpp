// matmul: out[..., m, n] = act(a[..., m, k] · b[..., k, n] + bias[n])
//
// 2·m·n·k FLOP on (m·k + k·n + m·n) numbers: from n = 100 on the FMA units are the limit, if every number that was
// fetched is used often. Three levels of reuse: a 6×16 tile of out in registers (matmul_tile.h), a panel of b in L1, a
// block of a in L2. Both operands are packed into panels (matmul_pack.h) where that pays, and read in place where not.
// Batches of small products run side by side, large ones one after the other with their blocks side by side.
// The order of the sum over k depends on shapes and strides only, never on threads.
#include <algorithm>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/matmul_pack.h"
#include "cpu/matmul_tile.h"
#include "kernels.h"

namespace pe {
namespace {

using namespace gemm;  // NOLINT(build/namespaces)

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// One product of two matrices, every stride in elements.
template <class T>
struct Product {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row, b_col;
  T* c;
  int64_t c_row, c_col;
  const T* bias;  // n numbers in a row, or nullptr
  bool relu;
};

// --- how a product is cut; a function of shapes and strides only

constexpr int64_t kDepth = 256;     // KC: a panel of b (16 KiB on AVX2) stays in L1 while the tiles of a block pass it
constexpr int64_t kRows = 24 * MR;  // MC: a block of a (144 KiB of floats) stays in L2 while the panels of b pass it
constexpr int64_t kColumns = 512;   // NC: limits a task, so that there are enough of them
constexpr int64_t kPackBytes = 16 << 20;  // packed panels of both operands that live at once: they should fit L3
constexpr int64_t kTaskFlops = 1 << 20;   // about 10 µs of work: what a task must hold to be worth handing over
constexpr int64_t kMaxTasks = 64;

struct Cut {
  int64_t depth, chunk;   // steps of k in a panel, and panels packed at once
  int64_t rows, columns;  // of out in a task
  bool pack_a, pack_b;
};

template <class T>
Cut cut_of(const Product<T>& x) {
  Cut cut;
  cut.pack_b = x.b_col != 1 || x.n < kLanes<T> || x.m > 4 * MR;
  cut.pack_a = x.m > 1 && x.n > 4 * NR<T>;
  const int64_t blocks = std::max<int64_t>(1, ceil_div(x.k, kDepth));
  cut.depth = std::max<int64_t>(16, ceil_div(ceil_div(x.k, blocks), 16) * 16);
  const int64_t bytes = (cut.pack_a * x.m + cut.pack_b * x.n) * cut.depth * static_cast<int64_t>(sizeof(T));
  cut.chunk = std::clamp<int64_t>(kPackBytes / std::max<int64_t>(bytes, 1), 1, blocks);

  // Even blocks first, then smaller ones while a task still holds enough work.
  const int64_t wanted = std::clamp<int64_t>(2 * x.m * x.n * x.k / kTaskFlops, 1, kMaxTasks);
  int64_t across = ceil_div(x.m, kRows), along = ceil_div(x.n, kColumns);
  while (across * along < wanted) {
    const int64_t rows = ceil_div(x.m, across), columns = ceil_div(x.n, along);
    if (columns >= 2 * rows && columns > 2 * NR<T>)
      along *= 2;
    else if (rows > 4 * MR)
      across *= 2;
    else if (columns > 2 * NR<T>)
      along *= 2;
    else
      break;
  }
  cut.rows = ceil_div(ceil_div(x.m, across), MR) * MR;
  cut.columns = ceil_div(ceil_div(x.n, along), NR<T>) * NR<T>;
  return cut;
}

// --- one product

// Column p * NR starts panel p of b; where less than one vector would be left to the last panel, it takes a vector of
// its neighbour's columns, so that every panel but that of a narrow matrix is at least one vector wide.
template <class T>
int64_t panel_begin(int64_t n, int64_t p) {
  const int64_t begin = p * NR<T>, tail = n - begin;
  if (tail <= 0) return n;
  return p > 0 && tail < kLanes<T> ? begin - kLanes<T> : begin;
}

// A tile whose rows are not contiguous or narrower than a vector: computed beside, then stored number by number.
template <class T>
void store_edge(Tile<T> run, const Strips<T>& in, const Result<T>& to, int64_t rows, int64_t column) {
  T block[MR * NR<T>];
  const int64_t padded = std::max<int64_t>(to.width, kLanes<T>);
  run(in, {block, NR<T>, padded, nullptr, false, false});
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < to.width; ++j) {
      T& c = to.c[i * to.row + j * column];
      T y = block[i * NR<T> + j];
      if (to.accumulate) y += c;
      if (to.bias) y += to.bias[j];
      c = to.relu && y <= T{} ? T{} : y;
    }
}

template <class T>
struct Run {
  const Product<T>& x;
  const Cut& cut;
  T* a_panels;
  T* b_panels;
  int64_t first = 0, count = 0;  // the blocks of k that are packed now

  int64_t a_count() const { return ceil_div(x.m, MR); }
  int64_t b_count() const { return ceil_div(x.n, NR<T>); }
  int64_t depth_of(int64_t block) const { return std::min(cut.depth, x.k - block * cut.depth); }
  T* a_panel(int64_t block, int64_t p) const {
    return a_panels + ((block - first) * a_count() + p) * panel_size<T, MR>(cut.depth);
  }
  T* b_panel(int64_t block, int64_t p) const {
    return b_panels + ((block - first) * b_count() + p) * panel_size<T, NR<T>>(cut.depth);
  }

  void pack_a(int64_t begin, int64_t end) const {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = first + i / a_count(), p = i % a_count();
      pack_panel<T, MR>(x.a + p * MR * x.a_row + block * cut.depth * x.a_col, x.a_row, x.a_col,
                        std::min<int64_t>(MR, x.m - p * MR), depth_of(block), a_panel(block, p));
    }
  }

  void pack_b(int64_t begin, int64_t end) const {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = first + i / b_count(), p = i % b_count();
      const int64_t j = panel_begin<T>(x.n, p);
      pack_panel<T, NR<T>>(x.b + j * x.b_col + block * cut.depth * x.b_row, x.b_col, x.b_row,
                           panel_begin<T>(x.n, p + 1) - j, depth_of(block), b_panel(block, p));
    }
  }

  // out[rows i0..i1, panels p0..p1] takes blocks first..first+count of the sum.
  void compute(int64_t i0, int64_t i1, int64_t p0, int64_t p1) const {
    const int64_t blocks = std::max<int64_t>(1, ceil_div(x.k, cut.depth));
    for (int64_t block = first; block < first + count; ++block) {
      const bool last = block + 1 == blocks;
      for (int64_t p = p0; p < p1; ++p) {
        const int64_t j = panel_begin<T>(x.n, p), width = panel_begin<T>(x.n, p + 1) - j;
        const int64_t vectors = ceil_div(width, kLanes<T>);
        const bool whole = x.c_col == 1 && width >= kLanes<T>;
        Strips<T> in{depth_of(block), nullptr, x.a_row, x.a_col, x.b + block * cut.depth * x.b_row + j, x.b_row};
        if (cut.pack_b) in.b = b_panel(block, p), in.b_step = NR<T>;
        Result<T> to{nullptr, x.c_row, width, last && x.bias ? x.bias + j : nullptr, block > 0, last && x.relu};
        for (int64_t i = i0; i < i1; i += MR) {
          const int64_t rows = std::min<int64_t>(MR, i1 - i);
          in.a = cut.pack_a ? a_panel(block, i / MR) : x.a + i * x.a_row + block * cut.depth * x.a_col;
          to.c = x.c + i * x.c_row + j * x.c_col;
          const Tile<T> run = (cut.pack_a ? kTiles<T, true> : kTiles<T, false>)[rows - 1][vectors - 1];
          if (whole)
            run(in, to);
          else
            store_edge(run, in, to, rows, x.c_col);
        }
      }
    }
  }
};

template <class Body>
void for_blocks(bool parallel, int64_t blocks, const Body& body) {
  if (parallel) return parallel_for(blocks, body);
  for (int64_t i = 0; i < blocks; ++i) body(i);
}

template <class T>
void multiply_packed(const Product<T>& x, const Cut& cut, bool parallel, T* a_panels, T* b_panels) {
  constexpr int64_t kPanels = 16;  // packed by one task
  Run<T> run{x, cut, a_panels, b_panels};
  const int64_t blocks = std::max<int64_t>(1, ceil_div(x.k, cut.depth));
  const int64_t across = ceil_div(x.m, cut.rows), per_task = cut.columns / NR<T>;
  const int64_t along = ceil_div(run.b_count(), per_task);
  for (run.first = 0; run.first < blocks; run.first += cut.chunk) {
    run.count = std::min(cut.chunk, blocks - run.first);
    const int64_t a_all = cut.pack_a ? run.count * run.a_count() : 0,
                  b_all = cut.pack_b ? run.count * run.b_count() : 0;
    const int64_t a_tasks = ceil_div(a_all, kPanels);
    for_blocks(parallel, a_tasks + ceil_div(b_all, kPanels), [&](int64_t task) {
      if (task < a_tasks)
        run.pack_a(task * kPanels, std::min(a_all, (task + 1) * kPanels));
      else
        run.pack_b((task - a_tasks) * kPanels, std::min(b_all, (task - a_tasks + 1) * kPanels));
    });
    for_blocks(parallel, across * along, [&](int64_t task) {
      const int64_t i = task / along * cut.rows, p = task % along * per_task;
      run.compute(i, std::min(x.m, i + cut.rows), p, std::min(run.b_count(), p + per_task));
    });
  }
}

template <class T>
void multiply(const Product<T>& x, bool parallel) {
  if (x.m == 0 || x.n == 0) return;
  const Cut cut = cut_of(x);
  const int64_t a_size = cut.pack_a ? cut.chunk * ceil_div(x.m, MR) * panel_size<T, MR>(cut.depth) : 0;
  const int64_t b_size = cut.pack_b ? cut.chunk * ceil_div(x.n, NR<T>) * panel_size<T, NR<T>>(cut.depth) : 0;
  constexpr int64_t kOnStack = 1024;  // even the pool would cost as much as a product this small
  if (a_size + b_size <= kOnStack) {
    alignas(64) T panels[kOnStack];
    multiply_packed(x, cut, parallel, panels, panels + a_size);
  } else {
    Scratch<T> panels(a_size + b_size);
    multiply_packed(x, cut, parallel, panels.data(), panels.data() + a_size);
  }
}

// --- batches

struct Axis {
  int64_t size, a, b, c;  // strides
};

// The batch axes outermost first, without those of length 1, neighbours merged where all three operands allow it.
struct Batch {
  int count = 0;
  Axis axes[kMaxDims];

  Batch(In a, In b, Out out) {
    for (int i = 0; i < out.ndim - 2; ++i) {
      if (out.shape[i] == 1) continue;
      const Axis axis{out.shape[i], stride(a, i - out.ndim + a.ndim), stride(b, i - out.ndim + b.ndim), out.strides[i]};
      if (count > 0 && follows(axes[count - 1], axis))
        axes[count - 1] = {axes[count - 1].size * axis.size, axis.a, axis.b, axis.c};
      else
        axes[count++] = axis;
    }
  }

  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < count; ++i) n *= axes[i].size;
    return n;
  }

  static int64_t stride(In array, int axis) { return axis < 0 || array.shape[axis] == 1 ? 0 : array.strides[axis]; }
  static bool follows(const Axis& outer, const Axis& inner) {
    return outer.a == inner.size * inner.a && outer.b == inner.size * inner.b && outer.c == inner.size * inner.c;
  }
};

// A batch that shares b is one taller product, if the rows of a and of out go on evenly from item to item.
template <class T>
void fold_rows(Product<T>& x, Batch& batch) {
  if (batch.count == 0) return;
  const Axis& axis = batch.axes[batch.count - 1];
  if (axis.b != 0 || axis.a != x.m * x.a_row || axis.c != x.m * x.c_row) return;
  x.m *= axis.size;
  --batch.count;
}

template <class T>
Product<T> item(Product<T> x, const Batch& batch, int64_t index) {
  for (int i = batch.count - 1; i >= 0; --i) {
    const Axis& axis = batch.axes[i];
    const int64_t at = index % axis.size;
    index /= axis.size;
    x.a += at * axis.a;
    x.b += at * axis.b;
    x.c += at * axis.c;
  }
  return x;
}

template <class T>
void multiply_batch(const Product<T>& x, const Batch& batch) {
  const int64_t items = batch.size(), flops = 2 * x.m * x.n * x.k;
  constexpr int64_t kAlone = 32 * kTaskFlops;  // an item with more is worth splitting
  if (items == 1) return multiply(item(x, batch, 0), flops >= 2 * kTaskFlops);
  if (flops > kAlone) {
    for (int64_t i = 0; i < items; ++i) multiply(item(x, batch, i), true);
    return;
  }
  parallel_ranges(items, std::max<int64_t>(1, kTaskFlops / std::max<int64_t>(flops, 1024)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) multiply(item(x, batch, i), false);
                  });
}

template <class T>
void matmul_of(In a, In b, OptIn bias, Activation act, Out out) {
  const int64_t* as = a.shape + a.ndim - 2;
  const int64_t* bs = b.shape + b.ndim - 2;
  const int64_t* at = a.strides + a.ndim - 2;
  const int64_t* bt = b.strides + b.ndim - 2;
  const int64_t* ct = out.strides + out.ndim - 2;
  Product<T> x{as[0], bs[1], as[1],       a.as<T>(), at[0], at[1],   b.as<T>(),
               bt[0], bt[1], out.as<T>(), ct[0],     ct[1], nullptr, act == Activation::relu};
  Batch batch(a, b, out);
  fold_rows(x, batch);
  if (!bias) return multiply_batch(x, batch);
  if (bias->strides[0] == 1 || x.n == 1) {
    x.bias = bias->as<T>();
    return multiply_batch(x, batch);
  }
  Scratch<T> row(x.n);
  for (int64_t j = 0; j < x.n; ++j) row[j] = bias->as<T>()[j * bias->strides[0]];
  x.bias = row.data();
  multiply_batch(x, batch);
}

}  // namespace

void matmul(In a, In b, OptIn bias, Activation act, Out out) {
  if (a.dtype == DType::f32)
    matmul_of<float>(a, b, bias, act, out);
  else
    matmul_of<double>(a, b, bias, act, out);
}

}  // namespace pe
