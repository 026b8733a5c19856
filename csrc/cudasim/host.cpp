// CUDA's runtime library as far as host.h declares it.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

#include "cudasim/runtime.h"

struct CUstream_st {};
struct CUevent_st {
  std::chrono::steady_clock::time_point recorded;
};

namespace cudasim {
namespace {

struct LastError {
  cudaError_t error = cudaSuccess;
  const char* detail = "";  // why, for the message of `error`; a literal
};
thread_local LastError last_error, told_error;

struct ErrorName {
  cudaError_t error;
  const char *name, *text;
};
constexpr ErrorName kErrors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
};

const ErrorName* find(cudaError_t error) {
  for (const ErrorName& known : kErrors)
    if (known.error == error) return &known;
  return nullptr;
}

std::mutex allowed_mutex;
std::map<const void*, size_t>& allowed() {
  static std::map<const void*, size_t> bytes;
  return bytes;
}

cudaError_t fail(cudaError_t error, const char* detail = "") {
  set_last_error(error, detail);
  return error;
}

}  // namespace

void set_last_error(cudaError_t error, const char* detail) {
  if (last_error.error == cudaSuccess) last_error = told_error = {error, detail};
}

size_t allowed_shared_bytes(const void* kernel) {
  const std::lock_guard lock(allowed_mutex);
  const auto found = allowed().find(kernel);
  return found == allowed().end() ? kSharedBytes : found->second;
}

cudaError_t allow_shared_bytes(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || static_cast<size_t>(value) > kMaxSharedBytes)
    return fail(cudaErrorInvalidValue, "a block has at most 232448 bytes of shared memory");
  const std::lock_guard lock(allowed_mutex);
  allowed()[kernel] = static_cast<size_t>(value);
  return cudaSuccess;
}

cudaError_t allocate_bytes(void** pointer, size_t bytes, const char* name, size_t item, MemoryKind kind) {
  if (!pointer) return fail(cudaErrorInvalidValue);
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  *pointer =
      observer ? observer->allocate(bytes, name, item, kind) : std::aligned_alloc(256, (bytes + 255) & ~size_t{255});
  return *pointer ? cudaSuccess : fail(cudaErrorMemoryAllocation);
}

}  // namespace cudasim

using cudasim::fail;
using cudasim::observer;

const char* cudaGetErrorName(cudaError_t error) {
  const auto* known = cudasim::find(error);
  return known ? known->name : "cudaErrorUnknown";
}

// With the reason, for the error that this OS thread met last.
const char* cudaGetErrorString(cudaError_t error) {
  const auto* known = cudasim::find(error);
  if (!known) return "unknown error";
  static thread_local std::string text;
  text = known->text;
  if (error == cudasim::told_error.error && *cudasim::told_error.detail)
    text.append(": ").append(cudasim::told_error.detail);
  return text.c_str();
}

cudaError_t cudaPeekAtLastError() { return cudasim::last_error.error; }
cudaError_t cudaGetLastError() {
  const cudaError_t error = cudasim::last_error.error;
  cudasim::last_error = {};
  return error;
}

cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : fail(cudaErrorInvalidDevice); }
cudaError_t cudaDeviceSynchronize() { return cudaPeekAtLastError(); }
cudaError_t cudaDeviceReset() { return cudaSuccess; }
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  return *free_bytes = *total_bytes = size_t{8} << 30, cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return fail(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "cudasim");
  properties->totalGlobalMem = size_t{8} << 30;
  properties->sharedMemPerBlock = cudasim::kSharedBytes;
  properties->sharedMemPerBlockOptin = cudasim::kMaxSharedBytes;
  properties->major = 8;
  properties->multiProcessorCount = 16;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = cudasim::kMaxThreads;
  properties->l2CacheSize = 4 << 20;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties;
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, device)) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      return *value = properties.maxThreadsPerBlock, cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return *value = static_cast<int>(properties.sharedMemPerBlock), cudaSuccess;
    case cudaDevAttrWarpSize:
      return *value = properties.warpSize, cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      return *value = properties.multiProcessorCount, cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return *value = 2048, cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      return *value = properties.major, cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      return *value = properties.minor, cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return *value = static_cast<int>(properties.sharedMemPerBlockOptin), cudaSuccess;
  }
  return fail(cudaErrorInvalidValue);
}

cudaError_t cudaFree(void* pointer) {
  if (!pointer) return cudaSuccess;
  if (observer) return observer->release(pointer) ? cudaSuccess : fail(cudaErrorInvalidValue, "no array begins there");
  std::free(pointer);
  return cudaSuccess;
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t) { return cudaFree(pointer); }
cudaError_t cudaFreeHost(void* pointer) { return cudaFree(pointer); }
cudaError_t cudaHostGetDevicePointer(void** device_pointer, void* host_pointer, unsigned) {
  return *device_pointer = host_pointer, cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  if (bytes == 0) return cudaSuccess;
  if (!to || !from) return fail(cudaErrorInvalidValue);
  if (observer) observer->host_copy(to, from, bytes);
  std::memmove(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy(to, from, bytes, kind);
}
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
                         cudaMemcpyKind kind) {
  for (size_t row = 0; row < height; ++row)
    if (const cudaError_t error = cudaMemcpy(static_cast<char*>(to) + row * to_pitch,
                                             static_cast<const char*>(from) + row * from_pitch, width, kind))
      return error;
  return cudaSuccess;
}
cudaError_t cudaMemset(void* to, int byte, size_t bytes) {
  if (bytes == 0) return cudaSuccess;
  if (!to) return fail(cudaErrorInvalidValue);
  if (observer) observer->host_fill(to, bytes);
  std::memset(to, byte, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int byte, size_t bytes, cudaStream_t) { return cudaMemset(to, byte, bytes); }

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return *stream = new CUstream_st, cudaSuccess; }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return cudaStreamCreate(stream); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) { return delete stream, cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaPeekAtLastError(); }
cudaError_t cudaStreamQuery(cudaStream_t) { return cudaPeekAtLastError(); }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaLaunchHostFunc(cudaStream_t, void (*function)(void*), void* data) {
  return function(data), cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return *event = new CUevent_st, cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return cudaEventCreate(event); }
cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete event, cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  event->recorded = std::chrono::steady_clock::now();
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t) { return cudaPeekAtLastError(); }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaPeekAtLastError(); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  *milliseconds = std::chrono::duration<float, std::milli>(end->recorded - start->recorded).count();
  return cudaSuccess;
}
