#include "core/plan.h"

#include <chrono>

namespace pe {

void Plan::add(KeptCall* call) {
  calls_.push_back(call);
  needs_python_ = needs_python_ || call->needs_python();
  call->visit([](void* total, Array& view, Access) { *static_cast<int64_t*>(total) += view.size(); }, &elements_);
}

std::optional<Plan::Stop> Plan::run(size_t first, size_t last) noexcept {
  for (size_t i = first; i < last; ++i)
    if (std::optional<Fault> fault = calls_[i]->run()) return Stop{i, std::move(*fault)};
  return std::nullopt;
}

std::optional<Plan::Stop> Plan::run_timed(std::vector<double>& seconds) {
  using Clock = std::chrono::steady_clock;
  seconds.assign(size(), 0.0);
  for (size_t i = 0; i < size(); ++i) {
    const auto start = Clock::now();
    if (std::optional<Stop> stop = run(i, i + 1)) return stop;
    seconds[i] = std::chrono::duration<double>(Clock::now() - start).count();
  }
  return std::nullopt;
}

void Plan::move(const void* from, size_t bytes, void* to) {
  struct Range {
    const char* begin;
    size_t bytes;
    char* to;
  } range{static_cast<const char*>(from), bytes, static_cast<char*>(to)};
  const KeptCall::See shift = [](void* context, Array& view, Access) {
    const Range& moved = *static_cast<Range*>(context);
    const auto* data = static_cast<const char*>(view.data);
    if (data >= moved.begin && data < moved.begin + moved.bytes) view.data = moved.to + (data - moved.begin);
  };
  for (KeptCall* call : calls_) call->visit(shift, &range);
}

std::vector<std::pair<Array, Access>> Plan::views(size_t call) const {
  std::vector<std::pair<Array, Access>> seen;
  const KeptCall::See note = [](void* context, Array& view, Access access) {
    static_cast<std::vector<std::pair<Array, Access>>*>(context)->emplace_back(view, access);
  };
  calls_.at(call)->visit(note, &seen);
  return seen;
}

Slot::Slot(const Plan& plan, const void* begin, size_t bytes) {
  struct Found {
    const char* begin;
    size_t bytes;
    Use use;
  };
  const KeptCall::See note = [](void* context, Array& view, Access) {
    Found& found = *static_cast<Found*>(context);
    const auto* data = static_cast<const char*>(view.data);
    if (data >= found.begin && data < found.begin + found.bytes)
      found.use.arrays.emplace_back(&view, data - found.begin);
  };
  for (KeptCall* call : plan.calls()) {
    Found found{static_cast<const char*>(begin), bytes, {call, {}}};
    call->visit(note, &found);
    if (!found.use.arrays.empty()) uses_.push_back(std::move(found.use));
  }
}

void Slot::place(void* at) const {
  struct Move {
    const Use& use;
    char* to;
  };
  const KeptCall::See shift = [](void* context, Array& view, Access) {
    const Move& move = *static_cast<Move*>(context);
    for (const auto& [array, distance] : move.use.arrays)
      if (array == &view) view.data = move.to + distance;
  };
  for (const Use& use : uses_) {
    Move move{use, static_cast<char*>(at)};
    use.call->visit(shift, &move);
  }
}

}  // namespace pe
