// The report as text, for who has no Python at hand, and as JSON for `pyengine inspect`.
#include <algorithm>
#include <cstdio>

#include "cudasim/inspect/dimensions.h"
#include "cudasim/inspect/inspector.h"
#include "cudasim/inspect/lines.h"

namespace cudasim {
namespace {

std::set<uint32_t> all_places(const Report& report) {
  std::set<uint32_t> places;
  for (const Finding& finding : report.findings)
    for (const PlacedDeed& deed : finding.deeds)
      if (deed.pc) places.insert(deed.pc);
  for (const auto& [kernel, profile] : report.profiles) {
    for (const auto& [key, cost] : profile.lines) places.insert(key.first);
    for (const auto& [pc, cost] : profile.steps) places.insert(pc);
  }
  return places;
}

Frame frame_of(const PlacedDeed& deed, const Lines& lines) {
  if (!deed.line) return lines.line(deed.pc);
  return {deed.file, deed.line};
}

// Where two threads are not ordered, one may read what the other has not written yet: that is the race's doing.
bool follows_from_race(const Finding& read, const Report& report, const Lines& lines) {
  const Frame frame = frame_of(read.deeds[0], lines);
  for (const Finding& other : report.findings) {
    if (other.fault != Fault::race || other.kernel != read.kernel || other.array != read.array) continue;
    for (const PlacedDeed& deed : other.deeds)
      if (frame_of(deed, lines).line == frame.line && frame_of(deed, lines).file == frame.file) return true;
  }
  return false;
}

// The text with the element of a __shared__ array as the source would write it.
std::string with_subscripts(const Finding& finding, const Lines& lines) {
  const std::string flat = finding.array + "[" + std::to_string(finding.index) + "]";
  const size_t at = finding.text.find(flat);
  if (finding.array.empty() || at == std::string::npos || finding.deeds.empty()) return finding.text;
  const Frame frame = frame_of(finding.deeds[0], lines);
  std::string text = finding.text;
  return text.replace(at, flat.size(), finding.array + subscripts(frame.file, finding.array, finding.index));
}

// Several addresses may belong to one line. Findings that then say the same become one, costs are added up.
std::vector<Finding> merged(const Report& report, const Lines& lines) {
  std::vector<Finding> all;
  std::map<std::string, size_t> known;
  for (const Finding& finding : report.findings) {
    std::string key = std::string(name_of(finding.fault)) + "|" + finding.kernel + "|" + finding.array;
    std::set<std::string> places;
    for (const PlacedDeed& deed : finding.deeds) {
      const Frame frame = frame_of(deed, lines);
      const bool any_access = finding.fault == Fault::out_of_bounds;  // x[i] *= 2 is one mistake, not two
      places.insert(frame.file + ":" + std::to_string(frame.line) + (any_access ? "" : deed.what));
    }
    // two operations of a warp that turn out to be the same line: a loop that was unrolled
    if (finding.fault == Fault::divergent_warp && places.size() < 2) continue;
    if (finding.fault == Fault::uninitialised && follows_from_race(finding, report, lines)) continue;
    for (const std::string& place : places) key += "|" + place;
    const auto [entry, is_new] = known.try_emplace(key, all.size());
    if (is_new) {
      all.push_back(finding);
      all.back().text = with_subscripts(finding, lines);
    } else {
      all[entry->second].count += finding.count;
    }
  }
  return all;
}

struct LineKey {
  std::string file;
  int line;
  std::string array;
  Doing doing;
  size_t bytes;
  auto tie() const { return std::tie(file, line, array, doing, bytes); }
  bool operator<(const LineKey& other) const { return tie() < other.tie(); }
};

std::map<LineKey, LineCost> line_costs(const KernelProfile& profile, const Lines& lines) {
  std::map<LineKey, LineCost> costs;
  for (const auto& [key, cost] : profile.lines) {
    const Frame frame = lines.line(key.first);
    if (!frame.line) continue;
    auto [entry, is_new] = costs.try_emplace({frame.file, frame.line, cost.array, cost.doing, cost.bytes}, cost);
    if (is_new) continue;
    LineCost& sum = entry->second;
    sum.requests += cost.requests;
    sum.lanes += cost.lanes;
    sum.lanes_there += cost.lanes_there;
    sum.sectors += cost.sectors;
    sum.ideal_sectors += cost.ideal_sectors;
    sum.wavefronts += cost.wavefronts;
    sum.ideal_wavefronts += cost.ideal_wavefronts;
  }
  return costs;
}

struct Branch {
  Frame frame;
  StepCost cost;
};

// Lines where lanes of a warp were apart. Of the blocks that begin in one line, the emptiest tells.
std::vector<Branch> branches(const KernelProfile& profile, const Lines& lines) {
  std::map<std::pair<std::string, int>, StepCost> worst;
  for (const auto& [pc, cost] : profile.steps) {
    const Frame frame = lines.line(pc);
    if (!frame.line || cost.lanes == cost.lanes_there) continue;
    auto [entry, is_new] = worst.try_emplace({frame.file, frame.line}, cost);
    if (!is_new && cost.lanes * entry->second.times < entry->second.lanes * cost.times) entry->second = cost;
  }
  std::vector<Branch> all;
  for (const auto& [place, cost] : worst) all.push_back({{place.first, place.second}, cost});
  return all;
}

const char* word_for(Doing doing) { return doing == Doing::read ? "read" : doing == Doing::write ? "write" : "atomic"; }

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string index_text(const uint3& i) {
  std::string text = std::to_string(i.x);
  if (i.y || i.z) text = "(" + text + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) + ")";
  return text;
}

std::string thread_text(const PlacedDeed& deed) {
  if (!deed.on_device) return "the host";
  return "block " + index_text(deed.block) + ", thread " + index_text(deed.thread) + " (warp " +
         std::to_string(deed.warp) + ", lane " + std::to_string(deed.lane) + ")";
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

double ratio(uint64_t a, uint64_t b) { return b ? static_cast<double>(a) / static_cast<double>(b) : 0; }

// --- JSON

std::string json(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}
std::string json(uint64_t value) { return std::to_string(value); }
std::string json(int value) { return std::to_string(value); }
std::string json(bool value) { return value ? "true" : "false"; }
std::string json(const uint3& i) {
  return "[" + std::to_string(i.x) + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) + "]";
}
std::string json_place(const Frame& frame) {
  return "\"file\": " + json(frame.file) + ", \"line\": " + json(frame.line) +
         ", \"text\": " + json(source_text(frame));
}

template <class List, class Item>
std::string json_list(const List& list, Item item) {
  std::string out;
  for (const auto& element : list) out += (out.empty() ? "" : ", ") + item(element);
  return "[" + out + "]";
}

std::string json_deed(const PlacedDeed& deed, const Lines& lines) {
  std::string out = "{\"what\": " + json(deed.what) + ", " + json_place(frame_of(deed, lines));
  const auto& frames = lines.frames(deed.pc);
  if (!deed.line && frames.size() > 1)
    out += ", \"inlined_into\": " + json_list(std::vector<Frame>(frames.begin() + 1, frames.end()),
                                              [](const Frame& f) { return "{" + json_place(f) + "}"; });
  if (deed.on_device)
    out += ", \"block\": " + json(deed.block) + ", \"thread\": " + json(deed.thread) +
           ", \"warp\": " + json(deed.warp) + ", \"lane\": " + json(deed.lane);
  return out + "}";
}

std::string json_finding(const Finding& finding, const Lines& lines) {
  std::string out = "{\"fault\": " + json(std::string(name_of(finding.fault))) +
                    ", \"kernel\": " + json(finding.kernel) + ", \"what\": " + json(finding.text) +
                    ", \"array\": " + json(finding.array);
  if (finding.index >= 0) out += ", \"index\": " + std::to_string(finding.index);
  return out + ", \"hint\": " + json(finding.hint) + ", \"count\": " + json(finding.count) +
         ", \"deeds\": " + json_list(finding.deeds, [&](const PlacedDeed& deed) { return json_deed(deed, lines); }) +
         "}";
}

std::string json_line(const LineKey& key, const LineCost& cost) {
  std::string out = "{" + json_place({key.file, key.line}) + ", \"array\": " + json(key.array) +
                    ", \"does\": " + json(std::string(word_for(cost.doing))) +
                    ", \"space\": " + json(std::string(cost.space == Space::shared ? "shared" : "global")) +
                    ", \"bytes\": " + json(uint64_t{cost.bytes}) + ", \"requests\": " + json(cost.requests) +
                    ", \"lanes\": " + json(cost.lanes) + ", \"lanes_there\": " + json(cost.lanes_there);
  if (cost.space == Space::shared)
    return out + ", \"wavefronts\": " + json(cost.wavefronts) + ", \"ideal\": " + json(cost.ideal_wavefronts) + "}";
  return out + ", \"sectors\": " + json(cost.sectors) + ", \"ideal\": " + json(cost.ideal_sectors) + "}";
}

std::string json_kernel(const std::string& name, const KernelProfile& profile, const Lines& lines) {
  std::string out = "{\"name\": " + json(name) + ", \"launches\": " + json(profile.launches) +
                    ", \"partial\": " + json(profile.partial);
  out += ", \"lines\": " +
         json_list(line_costs(profile, lines), [](const auto& line) { return json_line(line.first, line.second); });
  out += ", \"branches\": " + json_list(branches(profile, lines), [](const Branch& branch) {
           return "{" + json_place(branch.frame) + ", \"times\": " + json(branch.cost.times) +
                  ", \"lanes\": " + json(branch.cost.lanes) + ", \"lanes_there\": " + json(branch.cost.lanes_there) +
                  "}";
         });
  return out + "}";
}

Lines lines_of(const Report& report) {
  return Lines(report.module ? report.module->path() : "/proc/self/exe", all_places(report));
}

}  // namespace

std::string json_report(const Report& report) {
  const Lines lines = lines_of(report);
  return "{\"findings\": " +
         json_list(merged(report, lines), [&](const Finding& finding) { return json_finding(finding, lines); }) +
         ",\n \"kernels\": " +
         json_list(report.profiles,
                   [&](const auto& kernel) { return json_kernel(kernel.first, kernel.second, lines); }) +
         "}\n";
}

std::string text_report(const Report& report) {
  const Lines lines = lines_of(report);
  const std::vector<Finding> findings = merged(report, lines);
  std::string out;
  for (const Finding& finding : findings) {
    out += std::string(name_of(finding.fault)) + (finding.kernel.empty() ? "" : " in " + finding.kernel) + ": " +
           finding.text + "\n";
    for (const PlacedDeed& deed : finding.deeds) {
      const Frame frame = frame_of(deed, lines);
      out += "    " + thread_text(deed) + " " + deed.what;
      if (frame.line)
        out += " at " + base_name(frame.file) + ":" + std::to_string(frame.line) + "\n        " + source_text(frame);
      out += "\n";
    }
    out += "    hint: " + finding.hint + "\n    seen " + std::to_string(finding.count) +
           (finding.count == 1 ? " time\n\n" : " times\n\n");
  }
  for (const auto& [name, profile] : report.profiles) {
    out += name + "\n";
    for (const auto& [key, cost] : line_costs(profile, lines)) {
      const bool shared = cost.space == Space::shared;
      out += "    " + base_name(key.file) + ":" + std::to_string(key.line) + " " + word_for(cost.doing) + " " +
             key.array + ": " + std::to_string(cost.requests) + " requests of " +
             number(ratio(cost.lanes, cost.requests)) + " lanes, " +
             number(ratio(shared ? cost.wavefronts : cost.sectors, cost.requests)) +
             (shared ? " wavefronts" : " sectors") + " each (ideal " +
             number(ratio(shared ? cost.ideal_wavefronts : cost.ideal_sectors, cost.requests)) + ")\n";
    }
  }
  return out + std::to_string(findings.size()) + (findings.size() == 1 ? " finding\n" : " findings\n");
}

}  // namespace cudasim
