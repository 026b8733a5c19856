#include "cudasim/inspect/dimensions.h"

#include <cctype>
#include <fstream>
#include <iterator>
#include <regex>
#include <vector>

namespace cudasim {
namespace {

std::string contents(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The value of a sum of products of numbers and constants; -1 for anything else.
int64_t value_of(const std::string& text, const std::string& source, int depth = 0) {
  static const std::regex token(R"(\s*([A-Za-z_]\w*|\d+|\S))"), number(R"(\d+)"), name(R"([A-Za-z_]\w*)");
  int64_t sum = 0, product = 1;
  bool wants_term = true;
  for (std::sregex_iterator it(text.begin(), text.end(), token), end; it != end; ++it) {
    const std::string part = (*it)[1];
    if (!wants_term) {
      if (part != "+" && part != "*") return -1;
      if (part == "+") sum += product;
      if (part == "+") product = 1;
    } else if (std::regex_match(part, number)) {
      product *= std::stoll(part);
    } else if (std::regex_match(part, name) && depth < 4) {
      std::smatch constant;
      const std::regex definition("(?:constexpr|const)\\s[^;=]*\\b" + part + R"(\s*=\s*([^;,]+)[;,])");
      if (!std::regex_search(source, constant, definition)) return -1;
      const int64_t value = value_of(constant[1], source, depth + 1);
      if (value < 0) return -1;
      product *= value;
    } else {
      return -1;
    }
    wants_term = !wants_term;
  }
  return wants_term ? -1 : sum + product;
}

}  // namespace

std::string subscripts(const std::string& file, const std::string& name, int64_t index) {
  const std::string flat = "[" + std::to_string(index) + "]", source = contents(file);
  std::smatch declaration;
  const std::regex wanted("__shared__[^;]*\\b" + name + R"(((?:\[[^\]]*\])+))");
  if (index < 0 || !std::regex_search(source, declaration, wanted)) return flat;
  const std::string written = declaration[1];
  static const std::regex bracket(R"(\[([^\]]*)\])");
  std::vector<std::string> lengths;
  for (std::sregex_iterator it(written.begin(), written.end(), bracket), end; it != end; ++it)
    lengths.push_back((*it)[1]);
  std::string text;
  for (size_t i = lengths.size(); i-- > 1;) {  // the first one is not needed
    const int64_t length = value_of(lengths[i], source);
    if (length <= 0) return flat;
    text.insert(0, "[" + std::to_string(index % length) + "]");
    index /= length;
  }
  return "[" + std::to_string(index) + "]" + text;
}

}  // namespace cudasim
