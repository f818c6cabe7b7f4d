/* The fine clock. */
#ifndef PROACTOR_PROFILEAPI_H
#define PROACTOR_PROFILEAPI_H

#include "minwindef.h"

PROACTOR_BEGIN_C

WINBASEAPI BOOL WINAPI QueryPerformanceCounter(LARGE_INTEGER *lpPerformanceCount);
WINBASEAPI BOOL WINAPI QueryPerformanceFrequency(LARGE_INTEGER *lpFrequency);

PROACTOR_END_C

#endif
