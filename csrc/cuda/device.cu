// The device behind the kernels: streams, scratch memory and the faults that kernels found in their data, on a GPU and
// on cudasim.
#include "cuda/device.h"

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/data_error.h"
#include "cuda/launch.h"
#include "cuda/scratch.h"

namespace pe {

namespace {

thread_local void* t_stream = nullptr;

}  // namespace

void* stream_handle() { return t_stream; }
void set_stream_handle(void* stream) { t_stream = stream; }

void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // leaves no error behind for the next call
  throw DeviceError(std::string(what) + ": " + cudaGetErrorString(status));
}

bool prepare_launch(const void* kernel, dim3 grid, size_t shared_bytes) {
  constexpr size_t kGivenFreely = 48 << 10;  // bytes of a block; for more a kernel must ask
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return false;
  if (shared_bytes > kGivenFreely) {
    const auto attribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
    check_cuda(cudaFuncSetAttribute(kernel, attribute, static_cast<int>(shared_bytes)), "asking for shared memory");
  }
  return true;
}

#if defined(__CUDACC__)

namespace {

// Gives memory back to the driver only when asked to: by default a pool does so at every synchronisation.
void keep_scratch_memory(int device) {
  static std::once_flag once[64];
  std::call_once(once[device % 64], [device] {
    cudaMemPool_t pool;
    check_cuda(cudaDeviceGetDefaultMemPool(&pool, device), "finding the memory pool");
    unsigned long long everything = ~0ull;
    check_cuda(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &everything), "setting up the pool");
  });
}

// One record for each kind of fault, in host memory that the device writes to: looking at it costs no transfer.
struct Watch {
  DataErrors::Raise raise;
  DataErrorRecord* record;
};
std::mutex g_watches_mutex;
std::vector<Watch> g_watches;

}  // namespace

void* allocate_scratch(size_t bytes) {
  int device = 0;
  check_cuda(cudaGetDevice(&device), "asking for the device");
  keep_scratch_memory(device);
  void* block = nullptr;
  check_cuda(cudaMallocAsync(&block, std::max<size_t>(bytes, 1), current_stream()), "allocating scratch memory");
  return block;
}

void release_scratch(void* block, size_t) noexcept { cudaFreeAsync(block, current_stream()); }

DataErrors::DataErrors(Raise raise) : raise_(raise) {
  const std::lock_guard lock(g_watches_mutex);
  for (const Watch& watch : g_watches) {
    if (watch.raise != raise) continue;
    record_ = watch.record;
    return;
  }
  void* memory = nullptr;
  check_cuda(cudaHostAlloc(&memory, sizeof(DataErrorRecord), cudaHostAllocMapped | cudaHostAllocPortable),
             "allocating the record of data errors");
  record_ = new (memory) DataErrorRecord;
  g_watches.push_back({raise, record_});
}

void DataErrors::check() {}

void raise_data_errors() {
  Watch found{};
  {
    const std::lock_guard lock(g_watches_mutex);
    for (const Watch& watch : g_watches) {
      const volatile DataErrorRecord& record = *watch.record;
      if (record.first.order != kNoFault) found = watch;
    }
  }
  if (!found.record) return;
  check_cuda(cudaDeviceSynchronize(), "waiting for the device");  // all of the fault is written, and no other follows
  const DataFault fault = found.record->first;
  *found.record = DataErrorRecord{};
  found.raise(fault);
}

void synchronize() {
  check_cuda(cudaDeviceSynchronize(), "waiting for the device");
  raise_data_errors();
}

#else

void* allocate_scratch(size_t bytes) { return core().allocate(bytes); }
void release_scratch(void* block, size_t bytes) noexcept { core().release(block, bytes); }

DataErrors::DataErrors(Raise raise) : raise_(raise), record_(&own_) {}

void DataErrors::check() {
  if (own_.first.order != kNoFault) raise_(own_.first);
}

void raise_data_errors() {}
void synchronize() {}

#endif

}  // namespace pe
