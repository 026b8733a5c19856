// From addresses of code to lines of source, by addr2line, which comes with every compiler of GNU systems. Asked once,
// for all addresses of a report.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace cudasim {

struct Frame {
  std::string file;  // with its folder
  int line = 0;
};

class Lines {
 public:
  // `returns` are offsets in that file that calls return to, so the line is the one of the instruction before.
  Lines(const std::string& path, const std::set<uint32_t>& returns);

  // Innermost first: the line itself, then where the function that holds it was inlined. The simulator's own headers
  // are left out. Empty where nothing is known.
  const std::vector<Frame>& frames(uint32_t offset) const;
  Frame line(uint32_t offset) const { return frames(offset).empty() ? Frame{} : frames(offset).front(); }

 private:
  std::map<uint32_t, std::vector<Frame>> frames_;
};

std::string source_text(const Frame& frame);  // without the spaces around it

}  // namespace cudasim
