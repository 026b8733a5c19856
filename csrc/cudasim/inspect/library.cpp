// The simulator with the inspector as one file. It becomes a shared library, so that nothing of it is merged with code
// of the inspected program, which is compiled otherwise; docs/cudasim.md has the commands.
#include "cudasim/alone.cpp"
#include "cudasim/inspect/arrays.cpp"
#include "cudasim/inspect/dimensions.cpp"
#include "cudasim/inspect/findings.cpp"
#include "cudasim/inspect/hooks.cpp"
#include "cudasim/inspect/inspector.cpp"
#include "cudasim/inspect/lines.cpp"
#include "cudasim/inspect/module.cpp"
#include "cudasim/inspect/profile.cpp"
#include "cudasim/inspect/races.cpp"
#include "cudasim/inspect/report.cpp"
#include "cudasim/inspect/waits.cpp"
