/*
 * The common form of structured exception handling. No fault of the processor becomes an exception here, so a
 * handler's block (__except) is compiled and never entered, and a __finally block is entered at the end of its __try
 * and from __leave. A `return` or `goto` out of a __try goes past its __finally.
 */
#ifndef PROACTOR_SEH_H
#define PROACTOR_SEH_H

#define EXCEPTION_EXECUTE_HANDLER 1
#define EXCEPTION_CONTINUE_SEARCH 0
#define EXCEPTION_CONTINUE_EXECUTION (-1)

#define GetExceptionCode() ((DWORD)0)
#define GetExceptionInformation() ((PVOID)0)
#define AbnormalTermination() (FALSE)

#ifdef __cplusplus
struct proactor_leave {};
#ifdef __cpp_exceptions
/* libstdc++ has the same word for the same thing. */
#ifndef __try
#define __try try
#endif
#define __leave throw proactor_leave()
#define __finally \
    catch (const proactor_leave &) { \
    }
#define __except(filter) \
    catch (const proactor_leave &) { \
    } \
    if (!(filter) || true) { \
    } else
#endif
#else
#define __try \
    { \
        __label__ proactor_leave;
#define __leave goto proactor_leave
#define __finally \
    proactor_leave: \
    __attribute__((unused)); \
    }
#define __except(filter) \
    proactor_leave: \
    __attribute__((unused)); \
    } \
    if (!(filter) || 1) { \
    } else
#endif

#endif
