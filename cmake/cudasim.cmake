# The simulator's sources, for the Python module `cudasim` and the native programs of that backend. A program without
# csrc/core takes spread_serial.cpp in place of spread_pool.cpp.
set(CUDASIM_SOURCES csrc/cudasim/fiber.cpp csrc/cudasim/host.cpp csrc/cudasim/launch.cpp csrc/cudasim/scheduler.cpp
    csrc/cudasim/spread_pool.cpp)
# A .cu file for the C++ compiler. Kernels are full of #pragma unroll, which only clang knows, and read floats as float4.
set(CUDASIM_KERNEL_FLAGS -x c++ -Wno-unknown-pragmas -fno-strict-aliasing)
# The sources that `pyengine inspect` compiles on the user's machine.
if(NOT PYENGINE_CHECK)
  foreach(folder core cuda cudasim kernels)
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/csrc/${folder}" DESTINATION pyengine/csrc
            FILES_MATCHING PATTERN "*.h" PATTERN "*.cpp" PATTERN "*.cu")
  endforeach()
endif()
