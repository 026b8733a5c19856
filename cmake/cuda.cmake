# The kernels of csrc/cuda, twice: by nvcc for a GPU (backend `cuda`, where there is an nvcc), and by the C++ compiler for
# the simulator (backend `cudasim`, always).
set(PYENGINE_CUDA AUTO CACHE STRING "Build the CUDA kernels: AUTO (where there is an nvcc), ON or OFF")
set_property(CACHE PYENGINE_CUDA PROPERTY STRINGS AUTO ON OFF)
set(PYENGINE_CUDA_ARCHITECTURES "80;86;89;90;100;120" CACHE STRING
    "GPU architectures to make machine code for; what comes later runs PTX of the first")
if(NOT PYENGINE_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "PYENGINE_CUDA is ${PYENGINE_CUDA}; it must be AUTO, ON or OFF")
endif()

list(TRANSFORM FAMILIES REPLACE "(.+)" "csrc/cuda/\\1.cu" OUTPUT_VARIABLE CUDA_SOURCES)
list(APPEND CUDA_SOURCES csrc/cuda/device.cu csrc/cuda/roof.cu)

pyengine_wants(cudasim)
set(BUILDS_CUDASIM ${wanted})

pyengine_wants(cuda)
set(BUILDS_CUDA FALSE)
if(wanted AND NOT PYENGINE_CUDA STREQUAL OFF)
  include(CheckLanguage)
  set(CMAKE_CUDA_ARCHITECTURES OFF)  # before the language is enabled, which would else take the oldest it knows
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(BUILDS_CUDA TRUE)
  elseif(PYENGINE_CUDA STREQUAL ON)
    message(FATAL_ERROR "PYENGINE_CUDA=ON, but no CUDA compiler was found. Install the CUDA toolkit and put nvcc on the "
                        "PATH, or name it: -DCMAKE_CUDA_COMPILER=/path/to/nvcc")
  else()
    message(STATUS "No nvcc here: the device \"cuda\" is left out, everything else is built")
  endif()
endif()

if(BUILDS_CUDA)
  list(GET PYENGINE_CUDA_ARCHITECTURES 0 oldest)
  set(CMAKE_CUDA_ARCHITECTURES ${PYENGINE_CUDA_ARCHITECTURES})
  list(TRANSFORM CMAKE_CUDA_ARCHITECTURES APPEND -real)
  list(APPEND CMAKE_CUDA_ARCHITECTURES ${oldest}-virtual)
  set(CMAKE_CUDA_RUNTIME_LIBRARY Static)  # the driver is found when the first kernel runs; nothing is linked to it
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know yet that nvcc has C++20
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
  set(CMAKE_CUDA_FLAGS_RELEASE "-O3 -DNDEBUG")
  # Constants and small functions of csrc/core are constexpr and used in kernels too. The line table costs no time and
  # lets compute-sanitizer and the profilers name lines.
  list(JOIN WARNINGS "," host_warnings)
  set(CUDA_FLAGS "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;-lineinfo;-Xcompiler=${host_warnings}>")
  if(PYENGINE_WERROR)
    string(PREPEND CUDA_FLAGS "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>;")
  endif()
endif()
