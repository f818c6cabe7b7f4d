/* What is there for a debugger. */
#ifndef PROACTOR_DEBUGAPI_H
#define PROACTOR_DEBUGAPI_H

#include "minwindef.h"

PROACTOR_BEGIN_C

WINBASEAPI BOOL WINAPI IsDebuggerPresent(VOID);
WINBASEAPI VOID WINAPI DebugBreak(VOID);
WINBASEAPI VOID WINAPI OutputDebugStringA(LPCSTR lpOutputString);
WINBASEAPI VOID WINAPI OutputDebugStringW(LPCWSTR lpOutputString);

#ifdef UNICODE
#define OutputDebugString OutputDebugStringW
#else
#define OutputDebugString OutputDebugStringA
#endif

PROACTOR_END_C

#endif
