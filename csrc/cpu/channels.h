// Arrays a[n, c, …] channel by channel, for batch_norm: each sample of a channel is a row.
#pragma once

#include <array>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/padded_rows.h"
#include "kernels/copy.h"

namespace pe {

// Rows (channel, sample) of `length` elements at a stride. Without further axes a channel has one row, of its samples.
template <class T>
struct Channels {
  explicit Channels(const Array& a) : data(a.as<T>()), count(a.shape[1]), channel_stride(a.strides[1]) {
    for (int axis = 2; axis < a.ndim; ++axis) length *= a.shape[axis];
    if (length == 1) {
      length = a.shape[0];
      stride = a.strides[0];
    } else {
      rows = a.shape[0];
      row_stride = a.strides[0];
      stride = a.strides[a.ndim - 1];
      for (int axis = a.ndim - 1; axis >= 2; --axis) {
        if (a.shape[axis] == 1) continue;
        stride = a.strides[axis];
        break;
      }
    }
    constexpr int64_t kSize = sizeof(T), kShortest = 512, kLongest = 32 * 1024;  // as of Rows
    streamed = stride == 1 && length * kSize >= kShortest && length * kSize <= kLongest &&
               cpu::outgrows_caches(count * rows * length * kSize);
  }

  // Whether the axes behind the channels can be walked with one stride, as this view does.
  static bool fits(const Array& a) {
    bool innermost = true;
    int64_t expected = 0;
    for (int axis = a.ndim - 1; axis >= 2; --axis) {
      if (a.shape[axis] == 1) continue;
      if (!innermost && a.strides[axis] != expected) return false;
      expected = a.strides[axis] * a.shape[axis];
      innermost = false;
    }
    return true;
  }

  T* row(int64_t channel, int64_t r) const { return data + channel * channel_stride + r * row_stride; }
  bool direct() const { return stride == 1 && length >= kLanes<T>; }
  int64_t elements() const { return rows * length; }  // of a channel

  T* data;
  int64_t count, rows = 1, length = 1;
  int64_t channel_stride, row_stride = 0, stride = 1;
  bool streamed;
};

// `a`, or where its axes cannot be walked so, a copy of it.
template <class T>
class ChannelInput {
 public:
  explicit ChannelInput(In a) : copied_(!Channels<T>::fits(a)), memory_(copied_ ? a.size() : 1), view_(laid(a)) {}
  const Channels<const T>* operator->() const { return &view_; }
  const Channels<const T>& operator*() const { return view_; }

 private:
  Array laid(In a) {
    if (!copied_) return a;
    Array to = row_major(a, memory_.data());
    copy(a, a.dtype, to);
    return to;
  }

 public:
  static Array row_major(In a, T* memory) {
    Array to = a;
    to.data = memory;
    int64_t stride = 1;
    for (int axis = a.ndim - 1; axis >= 0; --axis) {
      to.strides[axis] = stride;
      stride *= a.shape[axis];
    }
    return to;
  }

 private:
  bool copied_;
  Scratch<T> memory_;
  Channels<const T> view_;
};

// A result that is made elsewhere and copied at the end where its axes cannot be walked with one stride.
template <class T>
class ChannelOutput {
 public:
  explicit ChannelOutput(Out out)
      : out_(out),
        copied_(!Channels<T>::fits(out)),
        memory_(copied_ ? out.size() : 1),
        made_(copied_ ? ChannelInput<T>::row_major(out, memory_.data()) : out),
        view_(made_) {}
  const Channels<T>& operator*() const { return view_; }
  void finish() {
    if (copied_) copy(made_, out_.dtype, out_);
  }

 private:
  Array& out_;
  bool copied_;
  Scratch<T> memory_;
  Array made_;
  Channels<T> view_;
};

// Rows of a channel that are summed up together, so few that a second pass finds them in the first-level cache.
inline int64_t rows_of_block(int64_t row_length) {
  return std::max<int64_t>(1, 4096 / std::max<int64_t>(row_length, 1));
}

// The elements of a block of rows of kN arrays, as lines that whole vectors can be read from: the rows themselves, or
// where they are short or do not lie side by side, all of them in a buffer.
template <class T, int kN>
class Lines {
 public:
  explicit Lines(const std::array<const Channels<const T>*, kN>& arrays)
      : arrays_(arrays),
        direct_(std::all_of(arrays.begin(), arrays.end(), [](const auto* a) { return a->direct(); })),
        room_(padded_length<T>(rows_of_block(arrays[0]->length) * arrays[0]->length)),
        buffer_(direct_ ? 1 : kN * room_) {}

  void read(int64_t channel, int64_t first, int64_t last) {
    channel_ = channel, first_ = first, last_ = last;
    if (direct_) return;
    for (int i = 0; i < kN; ++i) {
      const Channels<const T>& a = *arrays_[i];
      T* to = buffer_.data() + i * room_;
      for (int64_t r = first; r < last; ++r, to += a.length) copy_strided(a.row(channel, r), a.stride, to, 1, a.length);
      std::fill(to, buffer_.data() + (i + 1) * room_, T(0));
    }
  }

  // visit(line, length), where line[i] is that of array i.
  template <class Visit>
  void each(const Visit& visit) const {
    const T* line[kN];
    if (!direct_) {
      for (int i = 0; i < kN; ++i) line[i] = buffer_.data() + i * room_;
      return visit(line, (last_ - first_) * arrays_[0]->length);
    }
    for (int64_t r = first_; r < last_; ++r) {
      for (int i = 0; i < kN; ++i) line[i] = arrays_[i]->row(channel_, r);
      visit(line, arrays_[0]->length);
    }
  }

 private:
  std::array<const Channels<const T>*, kN> arrays_;
  bool direct_;
  int64_t room_;
  Scratch<T> buffer_;
  int64_t channel_ = 0, first_ = 0, last_ = 0;
};

// Sums of term(0), term(kLanes), … over lines, where term(i) is the vector of elements i, i + 1, … of one. The last
// vector ends at the line's end, with the lanes that were counted before left out.
template <class T>
class LineSum {
 public:
  template <class Term>
  void add(int64_t n, const Term& term) {
    constexpr int W = kLanes<T>;
    int64_t i = 0;
    for (; i + kWays * W <= n; i += kWays * W)
      for (int way = 0; way < kWays; ++way) ways_[way] += term(i + way * W);
    for (; i + W <= n; i += W) ways_[0] += term(i);
    if (i == n) return;
    const auto counted =
        n < W ? lane_numbers<T>() < static_cast<T>(n) : lane_numbers<T>() >= static_cast<T>(W - (n - i));
    ways_[1] += select(counted, term(std::max<int64_t>(n - W, 0)), Vec<T>{});
  }

  Vec<T> total() const { return sum_everywhere<T>((ways_[0] + ways_[1]) + (ways_[2] + ways_[3])); }

 private:
  static constexpr int kWays = 4;  // side by side: an addition takes about that many cycles
  Vec<T> ways_[kWays] = {};
};

// For each channel: sum(channel, block, two sums) of all its blocks, finish(channel, these sums), apply(channel, block)
// of all its blocks. One thread does all of a channel, which then is in its cache; few channels are shared by all
// threads.
template <class Sum, class Finish, class Apply>
void for_each_channel(int64_t channels, int64_t blocks, int64_t elements, const Sum& sum, const Finish& finish,
                      const Apply& apply) {
  constexpr int64_t kFewChannels = 8, kTask = 16384;
  if (channels < kFewChannels && blocks > 1) {
    Scratch<double> sums(2 * channels * blocks);
    parallel_for(channels * blocks, [&](int64_t i) { sum(i / blocks, i % blocks, sums.data() + 2 * i); });
    for (int64_t c = 0; c < channels; ++c) finish(c, sums.data() + 2 * c * blocks);
    return parallel_for(channels * blocks, [&](int64_t i) { apply(i / blocks, i % blocks); });
  }
  parallel_ranges(channels, std::max<int64_t>(1, kTask / std::max<int64_t>(elements, 1)),
                  [&](int64_t from, int64_t to) {
                    Scratch<double> sums(2 * std::max<int64_t>(blocks, 1));
                    for (int64_t c = from; c < to; ++c) {
                      for (int64_t b = 0; b < blocks; ++b) sum(c, b, sums.data() + 2 * b);
                      finish(c, sums.data());
                      for (int64_t b = 0; b < blocks; ++b) apply(c, b);
                    }
                  });
}

}  // namespace pe
