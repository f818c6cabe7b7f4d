/* The three standard handles. */
#ifndef PROACTOR_PROCESSENV_H
#define PROACTOR_PROCESSENV_H

#include "minwindef.h"

PROACTOR_BEGIN_C

#define STD_INPUT_HANDLE ((DWORD)-10)
#define STD_OUTPUT_HANDLE ((DWORD)-11)
#define STD_ERROR_HANDLE ((DWORD)-12)

WINBASEAPI HANDLE WINAPI GetStdHandle(DWORD nStdHandle);
WINBASEAPI BOOL WINAPI SetStdHandle(DWORD nStdHandle, HANDLE hHandle);

PROACTOR_END_C

#endif
