// The device as host code outside of kernels sees it: whose stream is used, and what can go wrong. No CUDA type here,
// so that the bindings compile with a C++ compiler alone. device.cpp fills it in for cuda and for cudasim.
#pragma once

#include <stdexcept>

namespace pe {

// What CUDA says when a launch or an allocation fails, in its own words.
struct DeviceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The stream that this thread's kernels go to, as a cudaStream_t; set by the binding for the time of a call.
void* stream_handle();
void set_stream_handle(void* stream);

void raise_data_errors();  // throws what kernels found in their data (data_error.h); does not wait for them
void synchronize();        // waits for the device, then the same

}  // namespace pe
