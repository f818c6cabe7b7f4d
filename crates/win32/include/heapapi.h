/* The heap of the process. */
#ifndef PROACTOR_HEAPAPI_H
#define PROACTOR_HEAPAPI_H

#include "minwindef.h"

PROACTOR_BEGIN_C

WINBASEAPI HANDLE WINAPI GetProcessHeap(VOID);
WINBASEAPI LPVOID WINAPI HeapAlloc(HANDLE hHeap, DWORD dwFlags, SIZE_T dwBytes);
WINBASEAPI BOOL WINAPI HeapFree(HANDLE hHeap, DWORD dwFlags, LPVOID lpMem);

PROACTOR_END_C

#endif
