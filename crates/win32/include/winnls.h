/* The code page of the process. */
#ifndef PROACTOR_WINNLS_H
#define PROACTOR_WINNLS_H

#include "stringapiset.h"

PROACTOR_BEGIN_C

WINBASEAPI UINT WINAPI GetACP(void);

PROACTOR_END_C

#endif
