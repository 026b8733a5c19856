# Native programs, without Python: `check_<level>` runs every kernel and `check_core` the pools, which is what the
# sanitizers see; `accuracy_<level>` measures the errors of the vector functions, `peak_<level>` the processor's FMA
# peak and the matrix product's share of it.
list(TRANSFORM FAMILIES REPLACE "(.+)" "csrc/check/\\1.cpp" OUTPUT_VARIABLE CHECK_SOURCES)
list(APPEND CHECK_SOURCES csrc/check/main.cpp csrc/check/tensor.cpp)

function(pyengine_program name flags)
  add_executable(${name} ${ARGN} ${CORE_SOURCES})
  target_include_directories(${name} PRIVATE csrc)
  target_compile_options(${name} PRIVATE ${flags})
  target_link_libraries(${name} PRIVATE Threads::Threads)
endfunction()

pyengine_program(check_core "" csrc/check/core.cpp)
foreach(level IN LISTS LEVELS)
  if(NOT PYENGINE_BACKENDS OR level IN_LIST PYENGINE_BACKENDS)
    pyengine_program(check_${level} "${FLAGS_${level}}" ${CHECK_SOURCES} ${CPU_SOURCES} ${RULE_SOURCES})
    pyengine_program(accuracy_${level} "${FLAGS_${level}}" csrc/check/accuracy.cpp)
    pyengine_program(peak_${level} "${FLAGS_${level}}" csrc/check/peak.cpp csrc/cpu/matmul.cpp csrc/cpu/roof.cpp)
  endif()
endforeach()
