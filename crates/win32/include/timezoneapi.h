/* Times as dates. */
#ifndef PROACTOR_TIMEZONEAPI_H
#define PROACTOR_TIMEZONEAPI_H

#include "minwinbase.h"

PROACTOR_BEGIN_C

WINBASEAPI BOOL WINAPI FileTimeToSystemTime(const FILETIME *lpFileTime, LPSYSTEMTIME lpSystemTime);
WINBASEAPI BOOL WINAPI SystemTimeToFileTime(const SYSTEMTIME *lpSystemTime, LPFILETIME lpFileTime);

PROACTOR_END_C

#endif
