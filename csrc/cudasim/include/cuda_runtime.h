// A kernel file that includes this header of CUDA gets the simulator.
#pragma once

#include "cudasim/cudasim.h"
