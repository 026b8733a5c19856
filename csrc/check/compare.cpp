#include "check/check.h"

namespace pe::check {
namespace {

// Bools that overwrite bools; that no other input can be the output goes without saying.
void check_in_place(Report& report) {
  for (Layout layout : kOutputLayouts) {
    Tensor a(DType::b8, {37, 53}, layout), b(DType::b8, {37, 53});
    a.fill(4, 0, 1);
    b.fill(5, 0, 1);
    Values want = a.values();
    const Values right = b.values();
    for (size_t i = 0; i < want.size(); ++i) want[i] = want[i] < right[i];
    lt(a, b, a);
    report.compare(std::string("lt in place, ") + check::name(layout), a, [&] { return want; }, 0);
  }
}

const Registered kLess{"lt", check_in_place};

}  // namespace
}  // namespace pe::check
