#include "cudasim/inspect/lines.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace cudasim {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// What the command prints when `input` is its standard input; empty where there is no such command.
std::string output_of(const std::string& command, const std::string& input) {
  char name[] = "/tmp/cudasim-XXXXXX";
  const int file = mkstemp(name);
  if (file < 0) return "";
  std::string output;
  if (write(file, input.data(), input.size()) == static_cast<ssize_t>(input.size())) {
    if (FILE* pipe = popen((command + " <" + name + " 2>/dev/null").c_str(), "r")) {
      char piece[4096];
      while (const size_t n = fread(piece, 1, sizeof piece, pipe)) output.append(piece, n);
      pclose(pipe);
    }
  }
  close(file);
  unlink(name);
  return output;
}

bool is_simulator(const std::string& file) {
  const size_t slash = file.rfind('/');
  return slash != std::string::npos && slash >= 8 && file.compare(slash - 8, 8, "/cudasim") == 0 &&
         file.compare(file.size() - 2, 2, ".h") == 0;
}

std::string real_path(const std::string& path) {
  char target[4096];
  const ssize_t length = path == "/proc/self/exe" ? readlink(path.c_str(), target, sizeof target) : -1;
  return length > 0 ? std::string(target, static_cast<size_t>(length)) : path;
}

}  // namespace

Lines::Lines(const std::string& path, const std::set<uint32_t>& returns) {
  std::string input;
  for (const uint32_t offset : returns) {
    char text[16];
    std::snprintf(text, sizeof text, "%x\n", offset - 1);
    input += text;
  }
  std::string output;
  for (const char* tool : {std::getenv("CUDASIM_ADDR2LINE"), const_cast<char*>("addr2line"),
                           const_cast<char*>("llvm-addr2line"), const_cast<char*>("llvm-addr2line-19")}) {
    if (output.empty() && tool) output = output_of(std::string(tool) + " -a -i -e " + quoted(real_path(path)), input);
  }
  uint32_t offset = 0;
  for (size_t begin = 0, end; begin < output.size(); begin = end + 1) {
    end = output.find('\n', begin);
    if (end == std::string::npos) break;
    std::string text = output.substr(begin, end - begin);
    if (text.compare(0, 2, "0x") == 0) {
      offset = static_cast<uint32_t>(std::strtoull(text.c_str(), nullptr, 16)) + 1;
      continue;
    }
    text.resize(std::min(text.size(), text.find(" (discriminator")));
    const size_t colon = text.rfind(':');
    if (colon == std::string::npos) continue;
    const Frame frame{text.substr(0, colon), std::atoi(text.c_str() + colon + 1)};
    if (frame.line > 0 && !is_simulator(frame.file)) frames_[offset].push_back(frame);
  }
}

const std::vector<Frame>& Lines::frames(uint32_t offset) const {
  static const std::vector<Frame> none;
  const auto found = frames_.find(offset);
  return found == frames_.end() ? none : found->second;
}

std::string source_text(const Frame& frame) {
  static std::map<std::string, std::vector<std::string>> files;
  auto [entry, is_new] = files.try_emplace(frame.file);
  if (is_new) {
    std::ifstream file(frame.file);
    for (std::string line; std::getline(file, line);) entry->second.push_back(line);
  }
  if (frame.line < 1 || static_cast<size_t>(frame.line) > entry->second.size()) return "";
  const std::string& text = entry->second[static_cast<size_t>(frame.line) - 1];
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

}  // namespace cudasim
