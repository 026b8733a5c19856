// Put in front of a kernel file that is inspected (-include). GCC has no hook for memcpy and its like, nor for those
// that it makes of a loop or of the copy of a struct, so all of them are sent to hooks.cpp under another name.
#pragma once

#ifndef __clang__
extern "C" {
void* memcpy(void* to, const void* from, __SIZE_TYPE__ n) noexcept __asm__("cudasim_memcpy");
void* memmove(void* to, const void* from, __SIZE_TYPE__ n) noexcept __asm__("cudasim_memmove");
void* memset(void* to, int byte, __SIZE_TYPE__ n) noexcept __asm__("cudasim_memset");
}
#endif
