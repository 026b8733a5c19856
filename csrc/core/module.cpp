// pyengine._core: memory, threads and the processor probe. Built with baseline instructions, since it is what finds out
// whether the processor has more.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>

#include "bindings/pool_array.h"
#include "core/array.h"
#include "core/cpu_info.h"
#include "core/linked_core.h"
#include "core/plan_module.h"
#include "core/replay_module.h"
#include "core/watch_module.h"

namespace py = pybind11;

namespace pe {
namespace {

py::dict stats_dict() {
  const MemoryStats stats = memory_stats();
  py::dict out;
  out["in_use"] = stats.in_use;
  out["cached"] = stats.cached;
  out["peak"] = stats.peak;
  out["cache_limit"] = stats.cache_limit;
  out["allocations"] = stats.allocations;
  out["from_system"] = stats.from_system;
  return out;
}

Spec spec_of(const py::tuple& shape, const py::dtype& dtype) {
  Spec spec;
  const auto known = bindings::dtype_of(reinterpret_cast<PyArray_Descr*>(dtype.ptr()));
  if (!known || !PyArray_ISNBO(dtype.byteorder())) {
    throw py::type_error("empty: dtype must be float32, float64, float16, bfloat16, int64, int32, uint8 or bool, not " +
                         std::string(py::str(dtype)));
  }
  if (shape.size() > static_cast<size_t>(kMaxDims)) {
    throw py::value_error("empty: a shape has at most " + std::to_string(kMaxDims) + " axes, not " +
                          std::to_string(shape.size()));
  }
  spec.dtype = *known;
  spec.ndim = static_cast<int>(shape.size());
  for (int i = 0; i < spec.ndim; ++i) {
    spec.shape[i] = PyNumber_AsSsize_t(PyTuple_GET_ITEM(shape.ptr(), i), PyExc_ValueError);
    if (spec.shape[i] == -1 && PyErr_Occurred()) throw py::error_already_set();
    if (spec.shape[i] < 0) throw py::value_error("empty: negative length in shape " + std::string(py::str(shape)));
  }
  return spec;
}

py::object empty(const py::tuple& shape, const py::object& dtype) {
  PyObject* array = bindings::new_pool_array(spec_of(shape, py::dtype::from_args(dtype)));
  if (!array) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(array);
}

void import_numpy() {
  if (PyArray_ImportNumPyAPI() < 0) throw py::error_already_set();
}

constexpr const char* kSetNumThreads = R"(Use `threads` threads, from the next kernel call on.

Results do not depend on it, to the last bit. Raises ValueError outside of 1 to 1024.

>>> set_num_threads(2)
>>> get_num_threads()
2
)";

constexpr const char* kGetNumThreads = R"(The number of threads that kernels may use, the calling one included.

At first the environment variable PYENGINE_NUM_THREADS, or else the cores this process may use: its affinity mask, and
at most the CPU quota of its control group, rounded up.

>>> get_num_threads() >= 1
True
)";

constexpr const char* kMemoryStats = R"(What the memory pool holds, as a dict; sizes in bytes.

in_use        in arrays and scratch that are alive, as rounded to size classes (by a quarter at most above 256 bytes)
cached        released and kept, to be handed out again without a system call
peak          the most that in_use has been
cache_limit   what cached is kept within
allocations   blocks asked for since the start
from_system   those of them that the cache could not serve; a warm training loop adds none

>>> before = memory_stats()["in_use"]
>>> a = empty((1024,), "float32")
>>> memory_stats()["in_use"] - before
4096
)";

constexpr const char* kEmptyCache = R"(Give every cached block back to the system.

>>> empty_cache()
>>> memory_stats()["cached"]
0
)";

constexpr const char* kSetCacheLimit = R"(Keep at most `bytes` of released memory; what is above it goes back at once.

At first 1 GiB, or a quarter of the memory this process may use where that is less. 0 keeps nothing.

>>> set_cache_limit(256 * 2**20)
>>> memory_stats()["cache_limit"]
268435456
)";

constexpr const char* kSetPoison = R"(Fill fresh blocks with 0xFF, which is NaN in every float type. For tests.

A kernel that leaves a part of its result unwritten then shows.

>>> set_poison(True)
>>> bool((empty((3,), "float32") != 0).all())
True
>>> set_poison(False)
)";

constexpr const char* kEmpty = R"(An uninitialised, C-ordered array whose memory comes from the pool.

The memory is 64-byte aligned, from 2 MiB on it starts on a huge page, and it returns to the pool when the array is gone.
Raises TypeError for a dtype that kernels do not know and MemoryError where the system has no memory.

>>> a = empty((2, 3), "float64")
>>> a.shape, str(a.dtype), a.ctypes.data % 64
((2, 3), 'float64', 0)
)";

constexpr const char* kIsaLevel =
    R"(The best x86-64 level that this processor and operating system run, "v2", "v3" or "v4"; or "arm".

>>> isa_level() in ("v2", "v3", "v4", "arm")
True
)";

constexpr const char* kUsableCores =
    R"(The cores this process may use: affinity mask and CPU quota (rounded up), at least 1.

`root` is where /proc and /sys are looked for.

>>> usable_cores() >= 1
True
)";

constexpr const char* kUsableMemory =
    R"(The memory this process may use, in bytes: the machine's or its control group's limit.

`root` is where /proc and /sys are looked for.

>>> usable_memory() > 2**20
True
)";

constexpr const char* kLargestCache =
    R"(The last-level cache of the first core, in bytes; 32 MiB where the system does not say.

`root` is where /sys is looked for.

>>> largest_cache() >= 2**15
True
)";

constexpr const char* kSetStreamLimit = R"(Write results of more than `bytes` past the caches. Returns the limit before.

At first half the largest cache. For tests, and for looking at what it does.

>>> set_stream_limit(2**20) == largest_cache() // 2
True
>>> set_stream_limit(largest_cache() // 2)
1048576
)";

int64_t change_stream_limit(int64_t bytes) {
  const int64_t before = stream_limit();
  set_stream_limit(bytes);
  return before;
}

}  // namespace
}  // namespace pe

PYBIND11_MODULE(_core, m) {
  using namespace pe;
  m.doc() = "Memory, threads and the processor probe that all kernel modules share.";
  isa_level();  // refuses a processor that no kernel module runs on
  import_numpy();
  use_linked_core();
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const ShapeError& error) {
      PyErr_SetString(PyExc_ValueError, error.what());
    }
  });

  m.def("get_num_threads", num_threads, kGetNumThreads);
  m.def("set_num_threads", set_num_threads, py::arg("threads"), kSetNumThreads);
  m.def("memory_stats", stats_dict, kMemoryStats);
  m.def("empty_cache", empty_cache, kEmptyCache);
  m.def("set_cache_limit", set_cache_limit, py::arg("bytes"), kSetCacheLimit);
  m.def("set_poison", set_poison, py::arg("on"), kSetPoison);
  m.def("empty", empty, py::arg("shape"), py::arg("dtype"), kEmpty);
  m.def("isa_level", isa_level, kIsaLevel);
  m.def("cpu_name", cpu_name, "The processor's own name.");
  m.def("usable_cores", usable_cores, py::arg("root") = "", kUsableCores);
  m.def("usable_memory", usable_memory, py::arg("root") = "", kUsableMemory);
  m.def("largest_cache", largest_cache, py::arg("root") = "", kLargestCache);
  m.def("set_stream_limit", change_stream_limit, py::arg("bytes"), kSetStreamLimit);
  add_plan(m);
  add_replay(m);
  add_watch(m);
  m.attr("api") = py::capsule(&core(), kCoreApiCapsule);
}
