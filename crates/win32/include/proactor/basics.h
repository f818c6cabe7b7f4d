/* The few names that all other files here are made of. */
#ifndef PROACTOR_BASICS_H
#define PROACTOR_BASICS_H

#include "compiler.h"
#include "chars.h"

#define VOID void
typedef void *PVOID;
typedef void *HANDLE, **PHANDLE, **LPHANDLE;
typedef short SHORT, *PSHORT;
typedef int LONG, *PLONG;
typedef unsigned char BOOLEAN, *PBOOLEAN;
typedef long long LONGLONG, *PLONGLONG;
typedef unsigned long long ULONGLONG, *PULONGLONG;

#define DECLARE_HANDLE(name) \
    struct name##__ { \
        int unused; \
    }; \
    typedef struct name##__ *name

#endif
