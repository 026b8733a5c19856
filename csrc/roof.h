// The roof under which every kernel stays: what the processor does at most, measured.
#pragma once

#include <cstdint>
#include <vector>

namespace pe {

// The fastest pace at which all threads together read, copied, added or updated arrays of `bytes` in all, over and
// over.
struct Pace {
  int64_t bytes;
  double bytes_per_second;
};

struct Roof {
  double flops;             // float32 operations per second of multiply-adds in registers, all threads together
  std::vector<Pace> paces;  // by falling size; a smaller size has never a lower pace
};

Roof measure_roof();  // takes some 0.3 s, and 128 MiB that the pool keeps

template <class T>
double multiply_add_peak();  // floating-point operations per second of the calling thread; T is float or double

}  // namespace pe
