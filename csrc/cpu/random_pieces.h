// Random kernels make elements a few hundred at a time, in row-major order, from a stream of words.
#pragma once

#include "core/parallel.h"
#include "cpu/philox.h"
#include "cpu/rows.h"

namespace pe {

inline constexpr int64_t kRandomTask = 65536;  // elements of a task; both are even, as normal numbers come in pairs
inline constexpr int64_t kRandomPiece = 512;   // elements whose words are made at once

inline Array flattened(const Array& a) {
  Array flat = a;
  if (is_contiguous(a)) {
    flat.ndim = 1;
    flat.shape[0] = a.size();
    flat.strides[0] = 1;
  }
  return flat;
}

// The words of a piece of elements that take `kWords` words each.
template <int kWords>
class PieceWords {
 public:
  explicit PieceWords(In state)
      : offset_(static_cast<uint64_t>(state.as<const int64_t>()[state.strides[0]])),
        stream_(static_cast<uint64_t>(state.as<const int64_t>()[0])) {}

  // Those of elements [first, first + count), count <= kRandomPiece. What follows them may be read up to a vector on.
  const uint32_t* make(int64_t first, int64_t count) {
    const uint64_t start = offset_ + static_cast<uint64_t>(first * kWords);
    const uint64_t skipped = start % 4;
    stream_.words(start / 4, count * kWords + static_cast<int64_t>(skipped), words_);
    return words_ + skipped;
  }

 private:
  uint64_t offset_;
  PhiloxStream stream_;
  // room for the words skipped, the rest of the last step, and a vector of words that a conversion overreads
  alignas(64) uint32_t words_[kRandomPiece * kWords + 2 * PhiloxStream::kStep];
};

// visit(row, column, done, n) for the parts of rows that elements [first, first + count) lie in.
template <class Visit>
void for_row_parts(int64_t first, int64_t count, int64_t row_length, Visit&& visit) {
  for (int64_t done = 0; done < count;) {
    const int64_t row = (first + done) / row_length, column = (first + done) % row_length;
    const int64_t n = std::min(count - done, row_length - column);
    visit(row, column, done, n);
    done += n;
  }
}

}  // namespace pe
