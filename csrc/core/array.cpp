#include "core/array.h"

namespace pe {

const char* name(DType dtype) {
  constexpr const char* names[] = {"float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool"};
  return names[static_cast<int>(dtype)];
}

std::string describe_shape(const int64_t* shape, int ndim) {
  std::string text = "(";
  for (int i = 0; i < ndim; ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (ndim == 1 ? ",)" : ")");
}

std::string describe(const Array& a) { return name(a.dtype) + describe_shape(a.shape, a.ndim); }

}  // namespace pe
