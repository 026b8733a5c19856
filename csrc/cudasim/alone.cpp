// The simulator as one file, for a program without the package:
//   c++ -O2 -I csrc -x c++ kernel.cu csrc/cudasim/alone.cpp
#include "cudasim/fiber.cpp"
#include "cudasim/host.cpp"
#include "cudasim/launch.cpp"
#include "cudasim/scheduler.cpp"
#include "cudasim/spread_serial.cpp"
