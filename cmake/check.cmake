# Native programs, without Python: `check_<level>` runs every kernel and `check_core` the pools, which is what the
# sanitizers see; `accuracy_<level>` measures the errors of the vector functions, `peak_<level>` the processor's FMA
# peak and the matrix product's share of it.
list(TRANSFORM FAMILIES REPLACE "(.+)" "csrc/check/\\1.cpp" OUTPUT_VARIABLE CHECK_SOURCES)
list(APPEND CHECK_SOURCES csrc/check/main.cpp csrc/check/tensor.cpp)

function(pyengine_program name flags)
  set(sources ${ARGN} ${CORE_SOURCES})
  list(TRANSFORM sources PREPEND "${PROJECT_SOURCE_DIR}/")
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/csrc")
  target_compile_options(${name} PRIVATE ${flags})
  target_link_libraries(${name} PRIVATE Threads::Threads)
endfunction()

pyengine_program(check_core "" csrc/check/core.cpp)
foreach(level IN LISTS LEVELS)
  pyengine_wants(${level})
  if(wanted)
    pyengine_program(check_${level} "${FLAGS_${level}}" ${CHECK_SOURCES} csrc/check/fusion.cpp ${CPU_SOURCES}
                     ${RULE_SOURCES})
    pyengine_program(accuracy_${level} "${FLAGS_${level}}" csrc/check/accuracy.cpp)
    pyengine_program(peak_${level} "${FLAGS_${level}}" csrc/check/peak.cpp csrc/cpu/matmul.cpp csrc/cpu/roof.cpp)
  endif()
endforeach()

# check_cudasim runs every kernel of csrc/cuda on the CPU. check_cuda is linked only, to find a forgotten kernel where
# there is no GPU either: its checks hand kernels the host's memory.
if(BUILDS_CUDASIM)
  add_subdirectory(csrc/cudasim)
endif()
if(BUILDS_CUDA)
  pyengine_program(check_cuda "${CUDA_FLAGS}" ${CHECK_SOURCES} ${CUDA_SOURCES} ${RULE_SOURCES})
  target_link_options(check_cuda PRIVATE -Wl,--no-undefined)
  target_link_libraries(check_cuda PRIVATE CUDA::cudart_static)
endif()
