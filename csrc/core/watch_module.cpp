// Watch: whether Python objects are still the very ones that they were. It is asked before every replay of a recorded
// step, about a hundred objects or more; in C that takes some nanoseconds for each, in Python's loops ten times as
// many.
#include "core/watch_module.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/garbage.h"

namespace py = pybind11;

namespace pe {
namespace {

using Objects = std::vector<py::object>;

// The attribute at the end of a path; None where one on the way is None.
py::object follow(const py::object& object, const Objects& path) {
  py::object at = object;
  for (const py::object& name : path) {
    if (at.is_none()) break;
    at = py::reinterpret_steal<py::object>(PyObject_GetAttr(at.ptr(), name.ptr()));
    if (!at) throw py::error_already_set();
  }
  return at;
}

// Calls see(object) with the values of a dict in their order, or the elements of a list or tuple, until it says false.
// Returns whether it was never false.
template <class See>
bool every_member(PyObject* source, See&& see) {
  if (PyDict_Check(source)) {
    PyObject* value = nullptr;
    for (Py_ssize_t i = 0; PyDict_Next(source, &i, nullptr, &value);)
      if (!see(value)) return false;
    return true;
  }
  if (!PyList_Check(source) && !PyTuple_Check(source))
    throw py::type_error("Watch.members: watches a dict, list or tuple, or a function that returns one, not a " +
                         std::string(Py_TYPE(source)->tp_name));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(source); ++i)
    if (!see(PySequence_Fast_GET_ITEM(source, i))) return false;
  return true;
}

// The container itself, or what the function returns.
py::object container(const py::object& source) { return PyCallable_Check(source.ptr()) ? source() : source; }

struct Condition {
  enum class Kind : uint8_t { attribute, item, members };
  Kind kind;
  py::object source;
  Objects names;     // attribute: the path; item: the key
  Objects expected;  // one object, or all members

  bool holds() const {
    switch (kind) {
      case Kind::attribute:
        return follow(source, names).is(expected[0]);
      case Kind::item:
        return item().is(expected[0]);
      case Kind::members:
        break;
    }
    const py::object now = container(source);
    size_t count = 0;
    const auto same = [&](PyObject* member) { return count < expected.size() && member == expected[count++].ptr(); };
    return every_member(now.ptr(), same) && count == expected.size();
  }

  // None where there is none.
  py::object item() const {
    PyObject* found = PyDict_GetItemWithError(source.ptr(), names[0].ptr());
    if (!found && PyErr_Occurred()) throw py::error_already_set();
    return found ? py::reinterpret_borrow<py::object>(found) : py::none();
  }
};

class Watch {
 public:
  void attribute(const py::object& object, const std::string& path) {
    Objects names;
    for (size_t begin = 0; begin <= path.size();) {
      const size_t end = std::min(path.find('.', begin), path.size());
      PyObject* name = PyUnicode_FromStringAndSize(path.data() + begin, static_cast<Py_ssize_t>(end - begin));
      if (!name) throw py::error_already_set();
      PyUnicode_InternInPlace(&name);
      names.push_back(py::reinterpret_steal<py::object>(name));
      begin = end + 1;
    }
    Objects now{follow(object, names)};
    conditions_.push_back({Condition::Kind::attribute, object, std::move(names), std::move(now)});
  }

  void item(const py::dict& dict, const py::object& key) {
    Condition added{Condition::Kind::item, dict, {key}, {}};
    added.expected.push_back(added.item());
    conditions_.push_back(std::move(added));
  }

  void members(const py::object& source) {
    Objects now;
    every_member(container(source).ptr(), [&](PyObject* member) {
      now.push_back(py::reinterpret_borrow<py::object>(member));
      return true;
    });
    conditions_.push_back({Condition::Kind::members, source, {}, std::move(now)});
  }

  size_t size() const { return conditions_.size(); }

  py::object broken() const {
    for (size_t i = 0; i < conditions_.size(); ++i)
      if (!conditions_[i].holds()) return py::int_(i);
    return py::none();
  }

  int traverse(visitproc visit, void* arg) const {
    const auto all = [&](const Objects& objects) {
      for (const py::object& object : objects) Py_VISIT(object.ptr());
      return 0;
    };
    for (const Condition& condition : conditions_) {
      Py_VISIT(condition.source.ptr());
      if (const int stop = all(condition.names)) return stop;
      if (const int stop = all(condition.expected)) return stop;
    }
    return 0;
  }

  void clear() { std::exchange(conditions_, {}); }

 private:
  std::vector<Condition> conditions_;
};

constexpr const char* kWatch = R"(Conditions that objects are the very ones that they were when the condition was added.

>>> options = {"rate": 0.1, "steps": [1, 2]}
>>> watch = Watch()
>>> watch.members(options)
>>> watch.members(options["steps"])
>>> watch.broken()
>>> options["steps"].append(3)
>>> watch.broken()
1
)";

}  // namespace

void add_watch(py::module_& module) {
  py::class_<Watch>(module, "Watch", py::custom_type_setup(collect_garbage<Watch>), kWatch)
      .def(py::init<>())
      .def("__len__", &Watch::size)
      .def("attribute", &Watch::attribute, py::arg("object"), py::arg("path"),
           "The object at the end of a path of attributes, as 'grad.data'; None where one on the way is None.")
      .def("item", &Watch::item, py::arg("dict"), py::arg("key"), "What a dict has under a key, or that it has not.")
      .def("members", &Watch::members, py::arg("source"),
           "The values of a dict in their order, or the elements of a list or tuple: `source`, or what it returns.")
      .def("broken", &Watch::broken, "The number of the first condition that does not hold any more, or None.");
}

}  // namespace pe
