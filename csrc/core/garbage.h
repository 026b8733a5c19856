// For native classes of Python that hold Python objects: what these refer to may refer back, and only Python's garbage
// collector frees such a circle. It asks which objects there are, and lets go of them.
#pragma once

#include <pybind11/pybind11.h>

namespace pe {

// For py::custom_type_setup of a class with
//   int traverse(visitproc visit, void* arg) const    Py_VISIT of each object
//   void clear()                                      gives all of them up
template <class T>
void collect_garbage(PyHeapTypeObject* heap_type) {
  static constexpr auto instance = [](PyObject* self) {  // nullptr before its constructor and after its destructor
    return pybind11::detail::is_holder_constructed(self) ? pybind11::cast<T*>(pybind11::handle(self)) : nullptr;
  };
  PyTypeObject& type = heap_type->ht_type;
  type.tp_flags |= Py_TPFLAGS_HAVE_GC;
  type.tp_traverse = [](PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    const T* object = instance(self);
    return object ? object->traverse(visit, arg) : 0;
  };
  type.tp_clear = [](PyObject* self) {
    if (T* object = instance(self)) object->clear();
    return 0;
  };
}

}  // namespace pe
