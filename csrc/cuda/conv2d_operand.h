// Elements of images and weights as an operand of a product (gemm.h): the matrix of windows that is never built.
//
// An element belongs to a row and to a step of k. Each of these has a part in its address and in its pixel's place in
// the image: results and taps, whichever of the two are rows, simply add up. A pixel outside of the image is 0.
#pragma once

#include <cstdint>

#include "cuda/conv2d_reach.h"
#include "cuda/gemm_tile.h"

namespace pe::conv {

// kAlongK: neighbouring threads take neighbouring steps of a row, else neighbouring rows of a step.
template <class T_, bool kAlongK, class Rows, class Steps>
struct Gathered {
  using T = T_;
  const T* data;
  Rows rows;
  Steps steps;
  int height, width;  // of the image; 1 and 1 where there is none

  // The sum of both places, at which there may be no pixel.
  __device__ T at(const Place& p, const Place& q) const {
    const auto y = static_cast<unsigned>(p.y + q.y), x = static_cast<unsigned>(p.x + q.x);
    const bool inside = y < static_cast<unsigned>(height) && x < static_cast<unsigned>(width);
    return inside ? data[p.offset + q.offset] : T(0);
  }
  __device__ T at(uint32_t row, uint32_t step) const { return at(rows(row), steps(step)); }

  template <int kRows, int BK, int kThreads>
  class Loader;
};

template <class T, bool kAlongK, class Rows, class Steps>
template <int kRows, int BK, int kThreads>
class Gathered<T, kAlongK, Rows, Steps>::Loader {
 public:
  // Of the two places of an element the thread works out one; the other is shared by many threads. Those of rows stay
  // for the whole product, those of steps are two sets of BK: one in use and the next.
  struct Table {
    Place places[kAlongK ? kRows : 2 * BK];
  };

  // Of all `rows` those from `first` on; steps from `k`, a multiple of BK, on. A barrier must come before the first
  // fetch. `from` lies in shared memory and is read from there.
  __device__ Loader(const Gathered& from, Table& table, int64_t first, int64_t rows, int64_t k)
      : from_(from), table_(table.places), k_(static_cast<int>(k)) {
    const int i = static_cast<int>(threadIdx.x), count = static_cast<int>(rows - first);
    const auto place_of_row = [&](int r) {
      Place place = from.rows(static_cast<uint32_t>(first + r));
      if (r >= count) place.y = kNowhere;
      return place;
    };
    if constexpr (kAlongK) {
      if (i < kRows) table_[i] = place_of_row(i);
    } else {
      own_ = place_of_row(along());
      if (i < BK) keep_step(k_ + i, k_ / BK % 2 * BK + i);
    }
  }

  // The next BK steps, of which so many exist, into registers; a barrier comes between two calls.
  __device__ void fetch(int existing) {
    const Place* shared = table_;
    if constexpr (kAlongK) {
      own_ = from_.steps(static_cast<uint32_t>(k_ + along()));
    } else {
      const int i = static_cast<int>(threadIdx.x), set = k_ / BK % 2 * BK;
      shared += set;
      if (i < BK) keep_step(k_ + BK + i, BK - set + i);
    }
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece)
      held_[piece] = step(piece) < existing ? from_.at(own_, shared[across(piece)]) : T(0);
    k_ += BK;
  }

  // What was fetched, to shared[BK][pitch].
  __device__ void put(T* shared) const {
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece)
      shared[step(piece) * gemm::kPitch<T, kRows> + row(piece)] = held_[piece];
  }

 private:
  static constexpr int kAcross = kAlongK ? BK : kRows;  // threads side by side
  static constexpr int kStride = kThreads / kAcross;    // rows, or steps, from piece to piece
  static constexpr int kPieces = kRows * BK / kThreads;
  static_assert(kThreads % kAcross == 0 && kRows * BK % kThreads == 0 && kThreads >= (kAlongK ? kRows : BK));

  __device__ static int along() { return static_cast<int>(threadIdx.x) % kAcross; }
  __device__ static int across(int piece) { return static_cast<int>(threadIdx.x) / kAcross + piece * kStride; }
  __device__ static int row(int piece) { return kAlongK ? across(piece) : along(); }
  __device__ static int step(int piece) { return kAlongK ? along() : across(piece); }

  __device__ void keep_step(int k, int at) {
    const Place place = from_.steps(static_cast<uint32_t>(k));
    table_[at] = place;
  }

  const Gathered& from_;
  Place* table_;
  int k_;  // the step that comes next
  Place own_;
  T held_[kPieces];
};

}  // namespace pe::conv
