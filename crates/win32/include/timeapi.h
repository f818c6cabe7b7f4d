/* The multimedia clock. */
#ifndef PROACTOR_TIMEAPI_H
#define PROACTOR_TIMEAPI_H

#include "minwindef.h"

PROACTOR_BEGIN_C

typedef UINT MMRESULT;
#define TIMERR_NOERROR 0
#define TIMERR_NOCANDO 97

WINBASEAPI DWORD WINAPI timeGetTime(void);
WINBASEAPI MMRESULT WINAPI timeBeginPeriod(UINT uPeriod);
WINBASEAPI MMRESULT WINAPI timeEndPeriod(UINT uPeriod);

PROACTOR_END_C

#endif
