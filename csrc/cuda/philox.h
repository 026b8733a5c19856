// The words of the Philox stream (core/random.h) inside kernels: the same as on every backend.
#pragma once

#include "core/random.h"
#include "cuda/launch.h"

namespace pe {

// state = int64[2] on the device: (seed, offset), as any strides may have them.
struct StreamState {
  const int64_t* data;
  int64_t stride;

  explicit StreamState(In state) : data(state.as<const int64_t>()), stride(state.strides[0]) {}
};

// Words of the stream from `offset` on. Four come from one block of the cipher, so neighbours are cheap.
class Words {
 public:
  __device__ explicit Words(const StreamState& state)
      : seed_(static_cast<uint64_t>(state.data[0])), offset_(static_cast<uint64_t>(state.data[state.stride])) {}

  // words[j] = word first + j of the stream, counted from the offset, for j < N.
  template <int N>
  __device__ void take(int64_t first, uint32_t (&words)[N]) {
    for (int j = 0; j < N; ++j) {
      const uint64_t position = offset_ + static_cast<uint64_t>(first + j);
      if (j == 0 || position % 4 == 0) block_ = philox::block(seed_, position / 4);
      words[j] = block_[position % 4];
    }
  }

 private:
  uint64_t seed_, offset_;
  std::array<uint32_t, 4> block_;
};

}  // namespace pe
