/* Threads as the C run-time starts them. */
#ifndef PROACTOR_PROCESS_H
#define PROACTOR_PROCESS_H

#include <stdint.h>
#include "proactor/compiler.h"

PROACTOR_BEGIN_C

typedef void(__cdecl *_beginthread_proc_type)(void *);
typedef unsigned(__stdcall *_beginthreadex_proc_type)(void *);

_CRTIMP uintptr_t __cdecl _beginthread(_beginthread_proc_type start_address, unsigned stack_size, void *arglist);
_CRTIMP uintptr_t __cdecl _beginthreadex(void *security, unsigned stack_size, _beginthreadex_proc_type start_address,
                                         void *arglist, unsigned initflag, unsigned *thrdaddr);
_CRTIMP __attribute__((noreturn)) void __cdecl _endthread(void);
_CRTIMP __attribute__((noreturn)) void __cdecl _endthreadex(unsigned retval);

PROACTOR_END_C

#endif
