// One matrix product, cut into blocks that fit the caches.
//
// Each level of reuse has a loop. From the outside: blocks of k whose shared panels live at once; tasks, each a
// rectangle of out, side by side on the threads; in a task, blocks of `depth` steps of k; panels of b, each of which
// stays in L2 while the tiles of the task pass it; tiles (matmul_tile.h). The cut depends on shapes and strides only,
// so every element is summed in the same order on any number of threads.
//
// A panel of b is packed by each task that needs it, unless a has many rows: a number that another core has just
// written takes longer to fetch than to pack again, and no thread waits for the packing of others.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/matmul_pack.h"
#include "cpu/matmul_tile.h"

namespace pe::gemm {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// c[m, n] = act((accumulate ? c : 0) + a[m, k] · b[k, n] + bias[n]); every stride in elements.
template <class T>
struct Product {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row, b_col;
  T* c;
  int64_t c_row, c_col;
  const T* bias;  // in one row without gaps; nullptr: none
  bool relu;
  bool accumulate;

  int64_t flops() const { return 2 * m * n * k; }
};

inline constexpr int64_t kTaskFlops = 3 << 18;  // about 8 µs of work: what a task must hold to be worth handing over
inline constexpr int64_t kMaxTasks = 64;

// How a product is cut.
struct Cut {
  static constexpr int64_t kDepthBytes = 4096;  // KC: 1024 floats. The longer, the fewer sums are loaded and stored
                                                // again; b's panel, 64 KiB on AVX2, comes from L2 as fast as it is used
  static constexpr int64_t kRows = 24 * MR;     // MC: a panel of b serves so many rows on its way through L2
  static constexpr int64_t kColumns = 512;      // NC: bounds a task, so that there are enough of them
  static constexpr int64_t kDirectBytes = 64 << 10;   // so small a b is read where it is as fast as from panels
  static constexpr int64_t kTurnedBytes = 256 << 10;  // so small an a is read down its columns: it stays in L2
  static constexpr int64_t kPageBytes = 4096;
  static constexpr int64_t kFewColumns = 64;         // for so few the numbers of a are not packed
  static constexpr int64_t kPackedBytes = 16 << 20;  // of both operands, at once: they should fit into L3
  // Of a task that packs b itself. Its rows of a pass by for every panel, from L3 where they are many: often for narrow
  // panels, seldom for the four vectors of AVX-512. With fewer rows packing is too much of its work. Many rows of short
  // sums are better cut into squares, for out.
  static constexpr int64_t kMostOwnRows = 512, kLeastOwnRows = 128, kLongSum = 512;
  static constexpr int64_t kFewTasks = 16;

  enum class Packing { none, own, shared };

  int64_t depth, chunk;   // steps of k in a panel; blocks of k in shared panels at once
  int64_t across, along;  // how many tasks there are from top to bottom of out and from left to right
  bool pack_a;            // into shared panels
  Packing pack_b;

  template <class T>
  explicit Cut(const Product<T>& x);

 private:
  template <class T>
  void cut_tasks(const Product<T>& x);
};

template <class T>
Cut::Cut(const Product<T>& x) {
  constexpr int64_t kSize = sizeof(T);
  // Packing reads and writes a number once; it pays when many tiles then use it. A narrow b must be packed: its panel
  // is padded to a whole vector. So must one whose rows are not contiguous. Numbers of a are read one by one in any
  // case: from where they are, unless they lie apart and are too many for L2, or each row is on a page of its own.
  const bool turned = x.a_col != 1 && (x.a_row != 1 || x.k * x.a_col * kSize > kTurnedBytes);
  pack_a = x.m > 1 && ((turned && x.n > kFewColumns) || (x.a_row * kSize >= kPageBytes && x.n > 4 * NR<T>));
  const int64_t blocks = std::max<int64_t>(1, ceil_div(x.k, kDepthBytes / kSize));
  depth = std::max<int64_t>(16, ceil_div(ceil_div(x.k, blocks), 16) * 16);
  if (x.b_col != 1 || x.n < kLanes<T> || (x.m > 4 * MR && x.k * x.n * kSize > kDirectBytes))
    pack_b = x.m <= kMostOwnRows || (NV > 2 && x.k >= kLongSum) ? Packing::own : Packing::shared;
  else
    pack_b = Packing::none;
  const int64_t bytes = (pack_a * x.m + (pack_b == Packing::shared) * x.n) * depth * kSize;
  chunk = std::clamp<int64_t>(kPackedBytes / std::max<int64_t>(bytes, 1), 1, blocks);
  cut_tasks(x);
}

template <class T>
void Cut::cut_tasks(const Product<T>& x) {
  const int64_t wanted = std::clamp<int64_t>(x.flops() / kTaskFlops, 1, kMaxTasks);
  const int64_t tiles = ceil_div(x.m, MR), panels = ceil_div(x.n, NR<T>);
  if (pack_b == Packing::own) {  // first between panels, which costs nothing
    along = std::min(panels, wanted);
    across = std::min(ceil_div(std::min(wanted, kFewTasks), along), std::max<int64_t>(1, x.m / kLeastOwnRows));
    across = std::max(across, ceil_div(x.m, kMostOwnRows));
    return;
  }
  // Even parts first, then halves of them while a task still holds enough work.
  across = ceil_div(x.m, kRows), along = ceil_div(x.n, kColumns);
  while (across * along < wanted) {
    const int64_t high = ceil_div(x.m, across), wide = ceil_div(x.n, along);
    if (wide > 2 * NR<T> && (wide >= 2 * high || high <= 4 * MR))
      along *= 2;
    else if (high > 4 * MR)
      across *= 2;
    else
      break;
  }
  across = std::min(across, tiles);
  along = std::min(along, panels);
}

// Column p * NR starts panel p of b. Where less than a vector would be left to the last panel, it takes one from its
// neighbour, so that only the panel of a narrow matrix is narrower than a vector.
template <class T>
int64_t panel_begin(int64_t n, int64_t p) {
  const int64_t begin = p * NR<T>, left = n - begin;
  if (left <= 0) return n;
  return p > 0 && left < kLanes<T> ? begin - kLanes<T> : begin;
}

// A tile that is narrower than a vector, or whose columns lie apart in out: made beside, then stored number by number.
template <class T>
void store_edge(Tile<T> tile, const Strips<T>& in, const Result<T>& to, int64_t rows, int64_t column) {
  T block[MR * NR<T>];
  tile(in, {block, NR<T>, std::max<int64_t>(to.width, kLanes<T>), nullptr, false, false});
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < to.width; ++j) {
      T& c = to.c[i * to.row + j * column];
      T y = block[i * NR<T> + j];
      if (to.accumulate) y += c;
      if (to.bias) y += to.bias[j];
      c = to.relu && y <= T{} ? T{} : y;
    }
}

// The panel that this thread packs for itself. It is not from the pool: a block of the pool may come from another
// thread, and then each line of it must be fetched from that thread's core before it can be written.
alignas(64) inline thread_local std::byte t_panel[NV * kVecBytes * (Cut::kDepthBytes / sizeof(float))];

template <class T>
class BlockedProduct {
 public:
  BlockedProduct(const Product<T>& product, const Cut& cut) : x_(product), cut_(cut) {}

  int64_t scratch() const { return a_scratch() + cut_.chunk * packs_b() * b_panels() * b_size(); }

  // With `scratch()` elements of memory. Without `parallel` all blocks are computed here, one after the other.
  void run(T* memory, bool parallel) {
    a_packed_ = memory;
    b_packed_ = memory + a_scratch();
    for (first_ = 0; first_ < blocks(); first_ += cut_.chunk) {
      count_ = std::min(cut_.chunk, blocks() - first_);
      pack(parallel);
      for_each_task(parallel, cut_.across * cut_.along, [&](int64_t task) {
        const int64_t down = task / cut_.along, right = task % cut_.along;
        const auto row = [&](int64_t part) { return std::min(x_.m, begin(a_panels(), cut_.across, part) * MR); };
        const auto panel = [&](int64_t part) { return begin(b_panels(), cut_.along, part); };
        compute(row(down), row(down + 1), panel(right), panel(right + 1));
      });
    }
  }

 private:
  template <class Body>
  static void for_each_task(bool parallel, int64_t tasks, const Body& body) {
    if (parallel) return parallel_for(tasks, body);
    for (int64_t task = 0; task < tasks; ++task) body(task);
  }

  // Panels of a and steps of b that a thread packs at once; panels of b: 128 columns. Rows of a matrix are read in long
  // pieces then, and there is work for all threads.
  static constexpr int64_t kPanelsA = 16, kSteps = 256, kPanelsB = std::max<int64_t>(1, 128 / NR<T>);

  static int64_t begin(int64_t count, int64_t parts, int64_t part) { return count * part / parts; }
  bool packs_b() const { return cut_.pack_b == Cut::Packing::shared; }

  int64_t blocks() const { return std::max<int64_t>(1, ceil_div(x_.k, cut_.depth)); }
  int64_t depth_of(int64_t block) const { return std::min(cut_.depth, x_.k - block * cut_.depth); }
  int64_t a_panels() const { return ceil_div(x_.m, MR); }
  int64_t b_panels() const { return ceil_div(x_.n, NR<T>); }
  int64_t a_size() const { return panel_size<T, MR>(cut_.depth); }
  int64_t b_size() const { return panel_size<T, NR<T>>(cut_.depth); }
  int64_t a_scratch() const { return cut_.chunk * cut_.pack_a * a_panels() * a_size(); }
  T* a_panel(int64_t block, int64_t p) const { return a_packed_ + ((block - first_) * a_panels() + p) * a_size(); }
  T* b_panel(int64_t block, int64_t p) const { return b_packed_ + ((block - first_) * b_panels() + p) * b_size(); }

  void pack(bool parallel) const {
    const int64_t a_pieces = cut_.pack_a * ceil_div(a_panels(), kPanelsA), parts = ceil_div(cut_.depth, kSteps);
    const int64_t pieces = a_pieces + packs_b() * ceil_div(b_panels(), kPanelsB) * parts;
    for_each_task(parallel, count_ * pieces, [&](int64_t task) {
      const int64_t block = first_ + task / pieces, piece = task % pieces;
      if (piece < a_pieces) return pack_a(block, piece * kPanelsA);
      pack_b(block, (piece - a_pieces) / parts * kPanelsB, (piece - a_pieces) % parts * kSteps);
    });
  }

  void pack_a(int64_t block, int64_t p) const {
    const int64_t end = std::min(a_panels(), p + kPanelsA);
    const T* a = x_.a + block * cut_.depth * x_.a_col;
    if (x_.a_row == 1) {
      const int64_t even = std::min(end - p, row_panels<T, MR>(x_.m - p * MR));
      pack_rows<T, MR>(a + p * MR, x_.a_col, even, depth_of(block), a_panel(block, p), a_size());
      p += even;
    }
    for (; p < end; ++p)
      pack_panel<T, MR>(a + p * MR * x_.a_row, x_.a_row, x_.a_col, std::min<int64_t>(MR, x_.m - p * MR),
                        depth_of(block), a_panel(block, p));
  }

  // kSteps steps from `step` on. Panels of b are as wide as vectors or wider, so that nothing is written behind a step.
  void pack_b(int64_t block, int64_t p, int64_t step) const {
    const int64_t end = std::min(b_panels(), p + kPanelsB), steps = std::min(kSteps, depth_of(block) - step);
    if (steps <= 0) return;
    const T* b = x_.b + (block * cut_.depth + step) * x_.b_row;
    if (x_.b_col == 1) {
      const int64_t even = std::clamp<int64_t>(b_panels() - 2 - p, 0, end - p);  // the last two may share their columns
      pack_rows<T, NR<T>>(b + p * NR<T>, x_.b_row, even, steps, b_panel(block, p) + step * NR<T>, b_size());
      p += even;
    }
    for (; p < end; ++p) {
      const int64_t j = panel_begin<T>(x_.n, p), width = panel_begin<T>(x_.n, p + 1) - j;
      pack_panel<T, NR<T>>(b + j * x_.b_col, x_.b_col, x_.b_row, width, steps, b_panel(block, p) + step * NR<T>);
    }
  }

  // out[rows i0..i1, panels p0..p1] takes the packed blocks of the sum.
  void compute(int64_t i0, int64_t i1, int64_t p0, int64_t p1) const {
    for (int64_t block = first_; block < first_ + count_; ++block)
      for (int64_t p = p0; p < p1; ++p) compute_panel(block, i0, i1, p);
  }

  void compute_panel(int64_t block, int64_t i0, int64_t i1, int64_t p) const {
    const int64_t start = block * cut_.depth;
    const int64_t j = panel_begin<T>(x_.n, p), width = panel_begin<T>(x_.n, p + 1) - j;
    const int64_t vectors = ceil_div(width, kLanes<T>);
    const bool whole = x_.c_col == 1 && width >= kLanes<T>, last = block + 1 == blocks();
    Strips<T> in{depth_of(block), nullptr, x_.a_row, x_.a_col, x_.b + start * x_.b_row + j * x_.b_col, x_.b_row};
    Result<T> to{nullptr,        x_.c_row, width, last && x_.bias ? x_.bias + j : nullptr, x_.accumulate || block > 0,
                 last && x_.relu};
    const auto use_panel = [&](const T* panel) { in.b = panel, in.b_step = NR<T>; };
    bool keep = false;
    if (cut_.pack_b == Cut::Packing::shared) use_panel(b_panel(block, p));
    if (cut_.pack_b == Cut::Packing::own) {
      in.panel = reinterpret_cast<T*>(t_panel);
      keep = x_.b_col == 1 && width >= kLanes<T> && i1 - i0 >= MR;  // then the first tile packs b
      if (!keep) {
        pack_panel<T, NR<T>>(in.b, x_.b_col, x_.b_row, width, in.k, in.panel);
        use_panel(in.panel);
      }
    }
    for (int64_t i = i0; i < i1; i += MR) {
      const int64_t rows = std::min<int64_t>(MR, i1 - i);
      in.a = cut_.pack_a ? a_panel(block, i / MR) : x_.a + i * x_.a_row + start * x_.a_col;
      to.c = x_.c + i * x_.c_row + j * x_.c_col;
      const Tile<T> tile = keep ? (cut_.pack_a ? kKeepingTiles<T, true> : kKeepingTiles<T, false>)[vectors - 1]
                                : (cut_.pack_a ? kTiles<T, true> : kTiles<T, false>)[rows - 1][vectors - 1];
      if (whole)
        tile(in, to);
      else
        store_edge(tile, in, to, rows, x_.c_col);
      if (keep) use_panel(in.panel);
      keep = false;
    }
  }

  const Product<T>& x_;
  const Cut& cut_;
  T* a_packed_ = nullptr;
  T* b_packed_ = nullptr;
  int64_t first_ = 0, count_ = 0;  // the blocks of k whose shared panels are there
};

template <class T>
void multiply_blocks(const Product<T>& x, bool parallel) {
  const Cut cut(x);
  BlockedProduct<T> product(x, cut);
  constexpr int64_t kOnStack = 1024;  // elements; where even the pool would cost as much as the product
  if (product.scratch() <= kOnStack) {
    alignas(64) T memory[kOnStack];
    product.run(memory, parallel);
  } else {
    Scratch<T> memory(product.scratch());
    product.run(memory.data(), parallel);
  }
}

}  // namespace pe::gemm
