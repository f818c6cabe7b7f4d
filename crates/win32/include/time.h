/* Libc's <time.h>, with the names that Windows has too out of the way. No guard: libc's own has one. */
#pragma GCC system_header
#if defined(PROACTOR_IN_LIBC) || defined(PROACTOR_LIBC_NAMES)
#include_next <time.h>
#else
#define PROACTOR_IN_LIBC
#include "proactor/libc_begin.h"
#include_next <time.h>
#include "proactor/libc_end.h"
#undef PROACTOR_IN_LIBC
#endif
