// Positions and labels are data: only the kernel can see that one is out of range. It reports the fault, goes on with
// something safe, and the host raises the exception, as the CPU's kernel would word it:
//
//   DataErrors errors(raise_label);                              // throws for a fault; a plain function
//   enqueue(kernel, …)(…, errors.record());                      // device: report(record, {r, label, classes})
//   errors.check();
//
// On cudasim check() throws. On a GPU it cannot know without waiting; the next call that looks, or synchronize(),
// throws. Of several faults of a call the one with the smallest `order` counts, whatever the schedule.
#pragma once

#include "cuda/launch.h"

namespace pe {

struct DataFault {
  int64_t order;  // which of several counts: the smallest
  int64_t value;  // what was found
  int64_t limit;  // what it had to stay below
  int64_t extra;  // what else the message needs, such as an axis
};

inline constexpr int64_t kNoFault = INT64_MAX;

struct DataErrorRecord {
  int lock = 0;
  DataFault first{kNoFault, 0, 0, 0};
};

// Only the unlucky pay for the lock: it is what makes the record one fault's and not a mixture.
__device__ inline void report(DataErrorRecord* record, const DataFault& fault) {
  for (bool done = false; !done;) {
    if (atomicCAS(&record->lock, 0, 1) != 0) continue;
    __threadfence_system();
    volatile DataFault& first = record->first;
    if (fault.order < first.order) {
      first.value = fault.value;
      first.limit = fault.limit;
      first.extra = fault.extra;
      first.order = fault.order;
    }
    __threadfence_system();
    atomicExch(&record->lock, 0);
    done = true;
  }
}

class DataErrors {
 public:
  using Raise = void (*)(const DataFault&);  // must throw

  explicit DataErrors(Raise raise);
  DataErrorRecord* record() { return record_; }
  void check();

 private:
  Raise raise_;
  DataErrorRecord* record_;
#if !defined(__CUDACC__)
  DataErrorRecord own_;
#endif
};

}  // namespace pe
