// The functions of one argument take their rules, float_like and number_like, from rules.cpp.
#include "kernels/unary.h"
