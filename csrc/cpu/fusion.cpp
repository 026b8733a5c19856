// Elementwise calls fused: a small program over blocks of 1,024 elements.
//
// A chain of k operations in separate passes moves 2k arrays or more through memory; its arithmetic would be done in a
// fraction of that time. Here each block of elements goes through all operations before the next one: results that
// nobody else needs live in slots, blocks of scratch that stay in L1 and are used again when their last reader is
// done. The operations are the loops of the kernels themselves (core/element_loop.h), compiled beforehand, so a fused
// chain gives the very same bits, and needs no compiler on the user's machine. A loop costs an indirect call a block.
//
// An operand is a stream (an array with all elements in order), a constant (one element) or a slot. One that is
// repeated along some axis, such as a bias, is gathered into a slot first. A reduction of all elements takes its
// operand leaf by leaf, a block being a leaf.
#include "fusion.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/memory.h"
#include "core/parallel.h"
#include "core/same_view.h"
#include "cpu/elementwise_walk.h"
#include "cpu/loops.h"
#include "cpu/reduce_rows.h"

namespace pe {

namespace {

constexpr int64_t kBlock = cpu::detail::kLeaf;                  // elements
constexpr int64_t kSlotBytes = kBlock * 8 + cpu::kGatherSlack;  // of the widest elements
constexpr int64_t kTask = cpu::detail::kSegment;                // elements that a thread takes at a time, at most

bool is_constant(const Array& a) {
  for (int i = 0; i < a.ndim; ++i)
    if (a.shape[i] != 1 && a.strides[i] != 0) return false;
  return true;
}

// Where an operand of a block lies.
struct Operand {
  enum class Kind : uint8_t { stream, constant, slot };
  Kind kind = Kind::stream;
  int number = 0;  // of the array, or of the slot
  int64_t itemsize = 0;
};

struct Step {
  enum class Kind : uint8_t { gather, elements, reduction };
  Kind kind = Kind::elements;
  Operand operands[kMaxOperands];  // what is written first
  int count = 0;
  ElementLoop loop{};
  alignas(8) std::array<std::byte, kMaxFunctorBytes> functor{};
  unsigned constants = 0;
  Walk walk;          // gather: the elements in order and where they come from
  int reduction = 0;  // reduction: which
};

struct Reduction {
  ReductionLoop loop;
  int array;  // that takes the result
  int64_t state_at, partial_at;
};

struct External {
  Array view;
  Access access;
};

class FusedCall final : public KeptCall {
 public:
  FusedCall(std::span<const LoopSketch> loops, std::span<const InnerResult> inner);

  std::optional<Fault> run() noexcept override {
    try {
      const int64_t tasks = (size_ + task_ - 1) / task_;
      Scratch<char> partials(tasks * partial_bytes_ + 64);
      parallel_ranges(size_, task_, [&](int64_t begin, int64_t end) {
        run_task(begin, end, partials.data() + begin / task_ * partial_bytes_);
      });
      for (const Reduction& reduction : reductions_) finish(reduction, partials.data(), tasks);
      return std::nullopt;
    } catch (const std::exception& error) {  // there is no memory for the scratch
      return Fault{Fault::Kind::memory, std::string("fused: ") + error.what()};
    }
  }

  void visit(See see, void* context) override {
    for (External& external : arrays_) see(context, external.view, external.access);
    for (Step& step : steps_)
      if (step.kind == Step::Kind::gather) step.walk.data[1] = array(step.operands[1]).as<char>();
    choose_streams();
  }

  bool needs_python() const override { return false; }

 private:
  friend class Builder;

  void run_task(int64_t begin, int64_t end, char* partials) const {
    Scratch<char> scratch(slots_ * kSlotBytes + state_bytes_);
    char* const states = scratch.data() + slots_ * kSlotBytes;
    for (const Reduction& reduction : reductions_) reduction.loop.begin(states + reduction.state_at);
    for (int64_t at = begin; at < end; at += kBlock) run_block(at, std::min(kBlock, end - at), scratch.data(), states);
    for (const Reduction& reduction : reductions_)
      reduction.loop.end(states + reduction.state_at, partials + reduction.partial_at);
  }

  void run_block(int64_t begin, int64_t n, char* slots, char* states) const {
    for (const Step& step : steps_) {
      char* data[kMaxOperands];
      for (int op = 0; op < step.count; ++op) data[op] = place(step.operands[op], begin, slots);
      switch (step.kind) {
        case Step::Kind::gather:
          gather(step, data[0], begin, n);
          break;
        case Step::Kind::elements:
          step.loop.run(step.functor.data(), data, n, step.constants);
          break;
        case Step::Kind::reduction: {
          const Reduction& reduction = reductions_[static_cast<size_t>(step.reduction)];
          reduction.loop.push(states + reduction.state_at, data[1], n);
          break;
        }
      }
    }
  }

  char* place(const Operand& operand, int64_t begin, char* slots) const {
    if (operand.kind == Operand::Kind::slot) return slots + operand.number * kSlotBytes;
    char* const data = array(operand).as<char>();
    return operand.kind == Operand::Kind::stream ? data + begin * operand.itemsize : data;
  }

  static void gather(const Step& step, char* to, int64_t begin, int64_t n) {
    const Walk& walk = step.walk;
    const int64_t size = step.operands[0].itemsize, length = walk.inner();
    cpu::RowCursor row(walk, begin / length);
    for (int64_t column = begin % length; n > 0; column = 0, row.next()) {
      const int64_t run = std::min(n, length - column);
      cpu::copy_run(to, size, row.data[1] + column * walk.inner_stride(1), walk.inner_stride(1), run, size);
      to += run * size;
      n -= run;
    }
  }

  // Results that outgrow the caches go past them, unless a step of the same block reads what lies there.
  void choose_streams() {
    for (Step& step : steps_) {
      const Operand& out = step.operands[0];
      if (step.kind != Step::Kind::elements || out.kind != Operand::Kind::stream) continue;
      const bool streams = cpu::outgrows_caches(size_ * out.itemsize) && !reads(array(out).data);
      step.constants = streams ? step.constants | kStreamed : step.constants & ~kStreamed;
    }
  }

  bool reads(const void* data) const {
    for (const Step& step : steps_)
      for (int op = 1; op < step.count; ++op)
        if (step.operands[op].kind == Operand::Kind::stream && array(step.operands[op]).data == data) return true;
    return false;
  }

  const Array& array(const Operand& operand) const { return arrays_[static_cast<size_t>(operand.number)].view; }

  void finish(const Reduction& reduction, const char* partials, int64_t tasks) const {
    const auto bytes = static_cast<int64_t>(reduction.loop.partial_bytes);
    Scratch<char> side_by_side(tasks * bytes);
    for (int64_t task = 0; task < tasks; ++task)
      std::copy_n(partials + task * partial_bytes_ + reduction.partial_at, bytes, side_by_side.data() + task * bytes);
    char* const out = arrays_[static_cast<size_t>(reduction.array)].view.as<char>();
    reduction.loop.finish(side_by_side.data(), tasks, out);
  }

  std::vector<Step> steps_;
  std::vector<External> arrays_;
  std::vector<Reduction> reductions_;
  int64_t size_ = 0, task_ = kTask;
  int64_t slots_ = 0, state_bytes_ = 0, partial_bytes_ = 0;
};

// Turns loops into steps: decides for each operand where it lies, and gives slots to results and gathered operands.
class Builder {
 public:
  Builder(FusedCall& call, std::span<const LoopSketch> loops, std::span<const InnerResult> inner)
      : call_(call), loops_(loops), inner_(inner) {}

  void build() {
    for (const LoopSketch& loop : loops_) {
      const Array& space = loop.arrays[loop.kind == LoopSketch::Kind::reduction];
      if (loop.kind == LoopSketch::Kind::none || (call_.size_ && space.size() != call_.size_))
        throw std::invalid_argument("fused calls must be loops over equally many elements");
      call_.size_ = space.size();
    }
    if (call_.size_ == 0) throw std::invalid_argument("fused calls need elements");
    for (now_ = 0; now_ < loops_.size(); ++now_) {
      if (loops_[now_].kind == LoopSketch::Kind::elements) {
        add_elements(loops_[now_]);
      } else {
        add_reduction(loops_[now_]);
      }
      free_slots();
    }
    call_.choose_streams();
    const auto steps = static_cast<int64_t>(call_.steps_.size());
    if (call_.reductions_.empty()) call_.task_ = std::max(kTask / steps / kBlock, int64_t{4}) * kBlock;
  }

 private:
  struct Slot {
    const void* data = nullptr;  // the result that it stands for
    Array view;                  // the gathered array
    size_t last_use = 0;
    bool taken = false;
  };

  void add_elements(const LoopSketch& loop) {
    Step step;
    step.count = loop.operands;
    step.loop = loop.element;
    step.functor = loop.functor;
    const unsigned all = (1u << loop.operands) - 2;
    for (int op = 1; op < loop.operands; ++op) {
      const Array& a = loop.arrays[static_cast<size_t>(op)];
      const bool constant = call_.size_ > 1 && is_constant(a);
      const bool last_chance = constant && (step.constants | 1u << op) == all;  // a loop needs one input that is none
      step.operands[op] = constant && !last_chance ? Operand{Operand::Kind::constant, external(a, Access::read), 0}
                                                   : input(a, loop.arrays[0]);
      step.constants |= static_cast<unsigned>(step.operands[op].kind == Operand::Kind::constant) << op;
    }
    step.operands[0] = output(loop.arrays[0]);
    call_.steps_.push_back(step);
  }

  void add_reduction(const LoopSketch& loop) {
    if (loop.reduction.leaf != kBlock || loop.reduction.segment != kTask)
      throw std::invalid_argument("a fused reduction must have the leaves of the others");
    Step step;
    step.kind = Step::Kind::reduction;
    step.count = 2;
    step.operands[1] = input(loop.arrays[1], loop.arrays[1]);
    step.operands[0] = {Operand::Kind::constant, external(loop.arrays[0], Access::write), 0};
    step.reduction = static_cast<int>(call_.reductions_.size());
    call_.reductions_.push_back({loop.reduction, step.operands[0].number, call_.state_bytes_, call_.partial_bytes_});
    call_.state_bytes_ += aligned(loop.reduction.state_bytes);
    call_.partial_bytes_ += aligned(loop.reduction.partial_bytes);
    call_.steps_.push_back(step);
  }

  static int64_t aligned(size_t bytes) { return static_cast<int64_t>((bytes + 63) / 64 * 64); }

  // --- operands

  Operand output(const Array& a) {
    if (!is_contiguous(a)) throw std::invalid_argument("a fused result must be contiguous");
    if (!is_inner(a)) return {Operand::Kind::stream, external(a, Access::write), itemsize(a.dtype)};
    int slot = slot_of(a);
    if (slot < 0) slot = take_slot();
    slots_[static_cast<size_t>(slot)].data = a.data;
    slots_[static_cast<size_t>(slot)].last_use = last_use([&](const Array& other) { return other.data == a.data; });
    return {Operand::Kind::slot, slot, itemsize(a.dtype)};
  }

  // An input whose elements are needed one after another, in the order of `space`.
  Operand input(const Array& a, const Array& space) {
    const bool stream = is_contiguous(a) && a.size() == call_.size_;
    if (is_inner(a)) {
      const int slot = slot_of(a);
      if (!stream || slot < 0) throw std::invalid_argument("an inner result is read in another order");
      return {Operand::Kind::slot, slot, itemsize(a.dtype)};
    }
    if (stream) return {Operand::Kind::stream, external(a, Access::read), itemsize(a.dtype)};
    return gathered(a, space);
  }

  Operand gathered(const Array& a, const Array& space) {
    for (size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].taken && !slots_[i].data && same_view(slots_[i].view, a))
        return {Operand::Kind::slot, static_cast<int>(i), itemsize(a.dtype)};
    Step step;
    step.kind = Step::Kind::gather;
    step.count = 2;
    const int slot = take_slot();
    slots_[static_cast<size_t>(slot)].view = a;
    slots_[static_cast<size_t>(slot)].last_use = last_use([&](const Array& other) { return same_view(a, other); });
    step.operands[0] = {Operand::Kind::slot, slot, itemsize(a.dtype)};
    step.operands[1] = {Operand::Kind::constant, external(a, Access::read), 0};
    const Array* const arrays[] = {&space, &a};
    step.walk = collapse(arrays, 2, true);
    call_.steps_.push_back(step);
    return step.operands[0];
  }

  bool is_inner(const Array& a) const {
    const auto* data = static_cast<const char*>(a.data);
    return std::any_of(inner_.begin(), inner_.end(), [&](const InnerResult& inner) {
      return data >= inner.begin && data < inner.begin + inner.bytes;
    });
  }

  int external(const Array& a, Access access) {
    for (size_t i = 0; i < call_.arrays_.size(); ++i) {
      External& known = call_.arrays_[i];
      if (!same_view(known.view, a)) continue;
      if (known.access == Access::read && access == Access::write) known.access = Access::update;
      return static_cast<int>(i);
    }
    call_.arrays_.push_back({a, access});
    return static_cast<int>(call_.arrays_.size() - 1);
  }

  // --- slots

  // Which one stands for the result; -1 where none does.
  int slot_of(const Array& a) const {
    for (size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].taken && slots_[i].data == a.data) return static_cast<int>(i);
    return -1;
  }

  int take_slot() {
    const auto free = std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.taken; });
    const auto index = free - slots_.begin();
    if (free == slots_.end()) slots_.emplace_back();
    slots_[static_cast<size_t>(index)] = Slot{nullptr, {}, 0, true};
    call_.slots_ = static_cast<int64_t>(slots_.size());
    return static_cast<int>(index);
  }

  // The last loop with an operand that `is_it`.
  template <class IsIt>
  size_t last_use(IsIt&& is_it) const {
    size_t last = now_;
    for (size_t i = now_; i < loops_.size(); ++i)
      for (int op = 0; op < loops_[i].operands; ++op)
        if (is_it(loops_[i].arrays[static_cast<size_t>(op)])) last = i;
    return last;
  }

  void free_slots() {
    for (Slot& slot : slots_)
      if (slot.taken && slot.last_use <= now_) slot.taken = false;
  }

  FusedCall& call_;
  std::span<const LoopSketch> loops_;
  std::span<const InnerResult> inner_;
  std::vector<Slot> slots_;
  size_t now_ = 0;
};

FusedCall::FusedCall(std::span<const LoopSketch> loops, std::span<const InnerResult> inner) {
  Builder(*this, loops, inner).build();
}

}  // namespace

void sketch_into(LoopSketch* sketch) {
  cpu::sketching_threads += (sketch != nullptr) - (cpu::thread_sketch != nullptr);
  cpu::thread_sketch = sketch;
}

std::unique_ptr<KeptCall> fuse(std::span<const LoopSketch> loops, std::span<const InnerResult> inner) {
  return std::make_unique<FusedCall>(loops, inner);
}

}  // namespace pe
