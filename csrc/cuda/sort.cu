// sort, topk: the elements along one axis in order, and their positions.
//
// n log² n comparisons in shared memory for tiles of 1,024 items of 8 bytes (16 where an element has 8), and log(n /
// 1,024) passes over the items, each read and written once. The idea: each element becomes an unsigned integer with the
// same order, NaN the greatest, inverted where the order falls, and its position is kept beside it; order_lines.h puts
// such items in order. Then the elements are fetched by their positions. Not done: sorting by digits, which needs fewer
// passes for long lines; reading lines that lie side by side together.
#include "kernels/sort.h"

#include "cuda/order_lines.h"

namespace pe {

namespace {

using namespace cuda;

template <class T, class Item>
struct Elements {
  Rows<const T> lines;
  bool falling;

  __device__ Item item(int64_t line, int64_t i) const {
    auto rank = rank_of(lines[line][i * lines.stride]);
    if (falling) rank = ~rank;
    return Item::of(rank, i);
  }
};

template <class T, class Item>
__global__ void __launch_bounds__(kThreads)
    fetch_ordered(const Item* items, Rows<const T> x, Rows<T> values, Rows<int64_t> indices) {
  const int64_t k = values.length;
  for (int64_t at = grid_thread(); at < values.count * k; at += grid_threads()) {
    const int64_t line = at / k, i = at - line * k, position = items[at].position();
    values[line][i * values.stride] = x[line][position * x.stride];
    indices[line][i * indices.stride] = position;
  }
}

template <class T, class Item>
void order_lines(const Rows<const T>& x, const Rows<T>& values, const Rows<int64_t>& indices, bool falling) {
  const OrderedLines<Item> ordered(Elements<T, Item>{x, falling}, x.count, x.length, values.length);
  enqueue(fetch_ordered<T, Item>, blocks_for(values.count * values.length, kThreads), kThreads)(ordered.first(), x,
                                                                                                values, indices);
}

// `a` with one axis moved to the end.
Array with_last(const Array& a, int axis) {
  Array moved = a;
  for (int i = axis; i + 1 < a.ndim; ++i) {
    moved.shape[i] = a.shape[i + 1];
    moved.strides[i] = a.strides[i + 1];
  }
  moved.shape[a.ndim - 1] = a.shape[axis];
  moved.strides[a.ndim - 1] = a.strides[axis];
  return moved;
}

void order(In a, const Ints& named_axis, bool falling, Out values, Out indices) {
  if (values.size() == 0) return;
  const auto axis = static_cast<int>(named_axis.values[0] < 0 ? named_axis.values[0] + a.ndim : named_axis.values[0]);
  const Array from = with_last(a, axis), to = with_last(values, axis);
  const Rows<int64_t> places(with_last(indices, axis));
  if (a.dtype == DType::f64)
    return order_lines<double, WideItem>(Rows<const double>(from), Rows<double>(to), places, falling);
  if (a.dtype == DType::i64)
    return order_lines<int64_t, WideItem>(Rows<const int64_t>(from), Rows<int64_t>(to), places, falling);
  const Rows<const float> x(from);
  if (x.length < NarrowItem::kMost) return order_lines<float, NarrowItem>(x, Rows<float>(to), places, falling);
  order_lines<float, WideItem>(x, Rows<float>(to), places, falling);
}

}  // namespace

void sort(In a, const Ints& axis, bool descending, Out values, Out indices) {
  order(a, axis, descending, values, indices);
}

void topk(In a, const Ints&, const Ints& axis, bool largest, Out values, Out indices) {
  order(a, axis, largest, values, indices);
}

}  // namespace pe
