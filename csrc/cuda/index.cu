// index, index_put, index_add: elements at positions along some axes; gather, scatter, scatter_add: along one, line by
// line. Contracts in kernels/index.h.
//
// Nothing is computed but sums: each element is read once and written once, and positions are 8 bytes each, so memory
// is the limit, its latency where runs are short. The idea: a kernel checks positions and turns them into offsets
// (index_layout.h); then a thread moves 16 bytes of a run where runs allow it. What is put or added goes in the order
// of the positions, with no atomics (deposit.h).
#include "kernels/index.h"

#include "cuda/by_width.h"
#include "cuda/deposit.h"
#include "kernels/copy.h"
#include "kernels/in_place.h"

namespace pe {

namespace {

using namespace cuda;

// --- several axes

// part = whole at the positions, 0 at those outside. Neighbouring threads take a run's elements, or other tuples.
template <class Item>
__global__ void __launch_bounds__(kThreads)
    take_runs(const char* whole, char* part, const int64_t* whole_at, const int64_t* part_at, int64_t count, Runs runs,
              bool tuples_inside) {
  for (int64_t i = grid_thread(); i < count * runs.count; i += grid_threads()) {
    const int64_t inner = tuples_inside ? count : runs.count, outside = i / inner, inside = i - outside * inner;
    const int64_t j = tuples_inside ? inside : outside;
    const Place run = runs.at(tuples_inside ? outside : inside);
    Item item{};
    if (whole_at[j] != kNowhere) item = *reinterpret_cast<const Item*>(whole + whole_at[j] + run.whole);
    *reinterpret_cast<Item*>(part + part_at[j] + run.part) = item;
  }
}

struct TuplePlaces {
  const int64_t *whole_at, *part_at;
  __device__ Place operator()(int64_t j) const { return {whole_at[j], part_at[j]}; }
};

// --- one axis

// Number i is position i % steps of line i / steps.
struct LinePlaces {
  // `whole` and `part` have the itemsize of `size` bytes.
  LinePlaces(In part, In positions, In whole, int64_t named_axis, DataErrorRecord* record_)
      : axis(static_cast<int>(named_axis < 0 ? named_axis + whole.ndim : named_axis)),
        size(itemsize(whole.dtype)),
        steps(positions.shape[axis]),
        length(whole.shape[axis]),
        part_step(part.strides[axis] * size),
        position_step(positions.strides[axis]),
        whole_step(whole.strides[axis] * size),
        lines(without(part, positions, axis), without(positions, positions, axis), without(whole, positions, axis)),
        record(record_) {}

  __device__ Place operator()(int64_t i) const {
    const int64_t line = i / steps, step = i - line * steps;
    const auto at = lines.offsets(line);
    const int64_t position = lines.data<const int64_t>(1)[at[1] + step * position_step];
    const int64_t part = at[0] * size + step * part_step;
    if (static_cast<uint64_t>(position) < static_cast<uint64_t>(length))
      return {at[2] * size + position * whole_step, part};
    report(record, {i, position, length, axis});
    return {kNowhere, part};
  }

  // `a` without an axis; the others have the lengths of `positions`, which may be shorter.
  static Array without(Array a, In positions, int axis) {
    std::copy(positions.shape, positions.shape + a.ndim, a.shape);
    std::copy(a.shape + axis + 1, a.shape + a.ndim, a.shape + axis);
    std::copy(a.strides + axis + 1, a.strides + a.ndim, a.strides + axis);
    --a.ndim;
    return a;
  }
  // Where the walk starts: not where the arrays do, as it may run backwards.
  Array start(int operand) const {
    Array a;
    a.data = lines.base[operand];
    return a;
  }

  int axis;
  int64_t size, steps, length, part_step, position_step, whole_step;
  Strided<3> lines;  // part, positions, whole
  DataErrorRecord* record;
};

template <class Item>
__global__ void __launch_bounds__(kThreads) gather_lines(LinePlaces places, const char* whole, char* part) {
  for (int64_t i = grid_thread(); i < places.lines.size * places.steps; i += grid_threads()) {
    const Place place = places(i);
    Item item{};
    if (place.whole != kNowhere) item = *reinterpret_cast<const Item*>(whole + place.whole);
    *reinterpret_cast<Item*>(part + place.part) = item;
  }
}

}  // namespace

void index(In a, InList indices, const Ints& axes, bool wrap, Out out) {
  IndexLayout layout(a, indices, axes, wrap, out);
  if (out.size() == 0) return;
  by_width(layout.widen(a, out), [&](auto type) {
    const Runs& runs = layout.runs;
    const Tuples& tuples = layout.tuples;
    const bool inside = runs.ndim == 0 || (tuples.ndim > 0 &&
                                           std::abs(tuples.part[tuples.ndim - 1]) < std::abs(runs.part[runs.ndim - 1]));
    enqueue(take_runs<TypeOf<decltype(type)>>, blocks_for(tuples.count * runs.count, kThreads), kThreads)(
        a.as<const char>(), out.as<char>(), layout.whole_at.data(), layout.part_at.data(), tuples.count, runs, inside);
  });
}

void index_put(In a, In src, InList indices, const Ints& axes, Out out) {
  IndexLayout layout(out, indices, axes, true, src);
  refuse_shared("src", src, out);
  start_from(a, out);
  if (src.size() == 0) return;
  const TuplePlaces places{layout.whole_at.data(), layout.part_at.data()};
  by_width(layout.widen(out, src), [&](auto type) {
    deposit<TypeOf<decltype(type)>>(places, layout.runs, 1, layout.tuples.count, out, src, Assign{});
  });
}

void index_add(In src, InList indices, const Ints& axes, const Ints& shape, Out out) {
  const IndexLayout layout(out, indices, axes, true, src);
  full(shape, 0, out.dtype, out);
  if (src.size() == 0) return;
  const TuplePlaces places{layout.whole_at.data(), layout.part_at.data()};
  by_number("index_add", src.dtype, [&](auto type) {
    deposit<TypeOf<decltype(type)>>(places, layout.runs, 1, layout.tuples.count, out, src, Accumulate{});
  });
}

void gather(In a, In positions, const Ints& axis, Out out) {
  if (positions.size() == 0) return;
  DataErrors errors(raise_position<false>);
  const LinePlaces places(out, positions, a, axis.values[0], errors.record());
  by_size(itemsize(a.dtype), [&](auto type) {
    enqueue(gather_lines<TypeOf<decltype(type)>>, blocks_for(positions.size(), kThreads), kThreads)(
        places, places.start(2).as<const char>(), places.start(0).as<char>());
  });
  errors.check();
}

void scatter(In a, In src, In positions, const Ints& axis, Out out) {
  refuse_shared("src", src, out);
  start_from(a, out);
  if (positions.size() == 0) return;
  DataErrors errors(raise_position<false>);
  const LinePlaces places(src, positions, out, axis.values[0], errors.record());
  by_size(itemsize(a.dtype), [&](auto type) {
    deposit<TypeOf<decltype(type)>>(places, Runs{}, places.lines.size, places.steps, places.start(2), places.start(0),
                                    Assign{});
  });
  errors.check();
}

void scatter_add(In src, In positions, const Ints& axis, const Ints& shape, Out out) {
  full(shape, 0, out.dtype, out);
  if (positions.size() == 0) return;
  DataErrors errors(raise_position<false>);
  const LinePlaces places(src, positions, out, axis.values[0], errors.record());
  by_number("scatter_add", src.dtype, [&](auto type) {
    deposit<TypeOf<decltype(type)>>(places, Runs{}, places.lines.size, places.steps, places.start(2), places.start(0),
                                    Accumulate{});
  });
  errors.check();
}

}  // namespace pe
