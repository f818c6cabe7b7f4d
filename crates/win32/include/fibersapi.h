/* Storage that belongs to a thread and is given back by a callback. */
#ifndef PROACTOR_FIBERSAPI_H
#define PROACTOR_FIBERSAPI_H

#include "minwindef.h"

PROACTOR_BEGIN_C

WINBASEAPI DWORD WINAPI FlsAlloc(PFLS_CALLBACK_FUNCTION lpCallback);
WINBASEAPI PVOID WINAPI FlsGetValue(DWORD dwFlsIndex);
WINBASEAPI BOOL WINAPI FlsSetValue(DWORD dwFlsIndex, PVOID lpFlsData);
WINBASEAPI BOOL WINAPI FlsFree(DWORD dwFlsIndex);

PROACTOR_END_C

#endif
