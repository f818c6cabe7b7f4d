/* The error code each thread keeps. */
#ifndef PROACTOR_ERRHANDLINGAPI_H
#define PROACTOR_ERRHANDLINGAPI_H

#include "minwindef.h"

PROACTOR_BEGIN_C

WINBASEAPI DWORD WINAPI GetLastError(VOID);
WINBASEAPI VOID WINAPI SetLastError(DWORD dwErrCode);

PROACTOR_END_C

#endif
