// The shape of a __shared__ array as its declaration writes it, so that an element can be named as the source does:
// tile[1][1] rather than tile[34].
#pragma once

#include <cstdint>
#include <string>

namespace cudasim {

// "[1][1]" for element 34 of `name`, declared in that file; "[34]" where it has one dimension, or one that the
// declaration does not give as a number, a sum or product of numbers, or constants of the file that are one.
std::string subscripts(const std::string& file, const std::string& name, int64_t index);

}  // namespace cudasim
