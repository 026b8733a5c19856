// CuPy arrays as kernels see them, new ones, and CuPy's current stream. CuPy is asked through Python: its arrays have
// no C interface. That costs some 0.3 µs an array, against 2 µs for a launch, and is needed on the first call only, not
// when the module is imported: an import must work where there is neither CuPy nor a driver.
#pragma once

#include "bindings/dtypes.h"
#include "bindings/signature.h"
#include "cuda/device.h"

namespace pe::bindings {

// A reference that is given back at the end of the scope.
class Owned {
 public:
  explicit Owned(PyObject* object) : object_(object) {
    if (!object) throw PythonError{};
  }
  ~Owned() { Py_DECREF(object_); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  PyObject* get() const { return object_; }

 private:
  PyObject* object_;
};

inline Owned attribute(PyObject* object, PyObject* name) { return Owned(PyObject_GetAttr(object, name)); }

// What is used of CuPy, looked up once.
struct Cupy {
  PyTypeObject* ndarray;
  PyObject* current_stream;  // cupy.cuda.get_current_stream
  PyObject *data, *ptr, *dtype, *shape, *strides;

  static const Cupy& get() {
    static const Cupy* const found = new Cupy;  // lives as long as the process; tried anew after an exception
    return *found;
  }

 private:
  Cupy()
      : data(PyUnicode_InternFromString("data")),
        ptr(PyUnicode_InternFromString("ptr")),
        dtype(PyUnicode_InternFromString("dtype")),
        shape(PyUnicode_InternFromString("shape")),
        strides(PyUnicode_InternFromString("strides")) {
    const Owned cupy(PyImport_ImportModule("cupy"));
    const Owned cuda(PyObject_GetAttrString(cupy.get(), "cuda"));
    current_stream = PyObject_GetAttrString(cuda.get(), "get_current_stream");
    ndarray = reinterpret_cast<PyTypeObject*>(PyObject_GetAttrString(cupy.get(), "ndarray"));
    if (!current_stream || !ndarray) throw PythonError{};
  }
};

inline void* address_of(PyObject* object, const Cupy& cupy) {
  const Owned address = attribute(object, cupy.ptr);
  void* found = PyLong_AsVoidPtr(address.get());
  if (!found && PyErr_Occurred()) throw PythonError{};
  return found;
}

inline int64_t length_at(PyObject* tuple, int i) {
  const int64_t length = PyLong_AsLongLong(PyTuple_GET_ITEM(tuple, i));
  if (length == -1 && PyErr_Occurred()) throw PythonError{};
  return length;
}

inline const char* view_array(PyObject* object, Array& view) {
  const Cupy& cupy = Cupy::get();
  if (!PyObject_TypeCheck(object, cupy.ndarray)) return "a cupy.ndarray";
  const Owned descr = attribute(object, cupy.dtype), shape = attribute(object, cupy.shape);
  const Owned strides = attribute(object, cupy.strides), memory = attribute(object, cupy.data);
  const std::optional<DType> dtype =
      PyArray_DescrCheck(descr.get()) ? dtype_of(reinterpret_cast<PyArray_Descr*>(descr.get())) : std::nullopt;
  if (!dtype) return "an array of float32, float64, float16, bfloat16, int64, int32, uint8 or bool";
  if (PyTuple_GET_SIZE(shape.get()) > kMaxDims) return "an array of at most 8 axes";
  view.data = address_of(memory.get(), cupy);
  view.dtype = *dtype;
  view.ndim = static_cast<int>(PyTuple_GET_SIZE(shape.get()));
  const int64_t bytes = itemsize(*dtype);
  if (reinterpret_cast<uintptr_t>(view.data) % static_cast<uintptr_t>(bytes) != 0) return "aligned; copy it";
  for (int i = 0; i < view.ndim; ++i) {
    const int64_t stride = length_at(strides.get(), i);
    view.shape[i] = length_at(shape.get(), i);
    view.strides[i] = stride / bytes;
    if (view.strides[i] * bytes != stride) return "an array whose strides are whole elements; copy it";
  }
  return nullptr;
}

inline bool is_writeable(PyObject*) { return true; }  // CuPy knows no other arrays

inline PyObject* new_array(const Spec& spec, void*& data) {
  checked_bytes(spec);
  const Cupy& cupy = Cupy::get();
  const Owned shape(PyTuple_New(spec.ndim));
  for (int i = 0; i < spec.ndim; ++i) {
    PyObject* length = PyLong_FromLongLong(spec.shape[i]);
    if (!length) return nullptr;
    PyTuple_SET_ITEM(shape.get(), i, length);
  }
  const Owned dtype(reinterpret_cast<PyObject*>(PyArray_DescrFromType(type_num(spec.dtype))));
  PyObject* const arguments[] = {shape.get(), dtype.get()};
  PyObject* array = PyObject_Vectorcall(reinterpret_cast<PyObject*>(cupy.ndarray), arguments, 2, nullptr);
  if (!array) return nullptr;
  const Owned memory(PyObject_GetAttr(array, cupy.data));
  data = address_of(memory.get(), cupy);
  return array;
}

// Kernels go to CuPy's current stream. The interpreter's lock is kept: launching waits for nothing.
class CallScope {
 public:
  explicit CallScope(int64_t) {
    const Cupy& cupy = Cupy::get();
    const Owned stream(PyObject_CallNoArgs(cupy.current_stream));
    set_stream_handle(address_of(stream.get(), cupy));
  }
  ~CallScope() { set_stream_handle(nullptr); }
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;
};

struct KeptScope : CallScope {
  KeptScope() : CallScope(0) {}
};
inline constexpr bool kKeptNeedsPython = true;

}  // namespace pe::bindings
