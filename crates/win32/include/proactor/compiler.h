/*
 * What Windows compilers have as words of the language and gcc and clang spell otherwise: calling conventions,
 * __declspec, the sized __intN types. Every function here has the platform's own calling convention, so those words
 * are empty.
 */
#ifndef PROACTOR_COMPILER_H
#define PROACTOR_COMPILER_H

#if !defined(__linux__) || !defined(__LP64__)
#error "proactor-win32 is for 64-bit Linux"
#endif

#include <stddef.h>
#include <stdarg.h>

#ifdef __cplusplus
#define PROACTOR_BEGIN_C extern "C" {
#define PROACTOR_END_C }
#else
#define PROACTOR_BEGIN_C
#define PROACTOR_END_C
#endif

/* Libc has a function of the same name and another ABI: ours is another symbol. */
#define PROACTOR_SYMBOL(name) __asm__("proactor_" #name)

/* Anonymous structures are an extension in C++; this keeps -Wpedantic quiet about them. */
#define PROACTOR_ANONYMOUS __extension__

#define PROACTOR_INLINE static __inline__ __attribute__((unused, always_inline))

#define WINAPI
#define WINAPIV
#define APIENTRY
#define CALLBACK
#define APIPRIVATE
#define PASCAL
#define NTAPI
#define WSAAPI
#define STDAPICALLTYPE
#define STDMETHODCALLTYPE
#define __stdcall
#define _stdcall
#define __cdecl
#define _cdecl
#define __fastcall
#define _fastcall
#define __thiscall
#define __vectorcall
#define __clrcall

#define WINBASEAPI extern
#define WINUSERAPI extern
#define WINADVAPI extern
#define WINSOCK_API_LINKAGE extern
#define NTSYSAPI extern
#define NTSYSCALLAPI extern
#define _CRTIMP extern
#define DECLSPEC_IMPORT
#define DECLSPEC_NORETURN __attribute__((noreturn))
#define DECLSPEC_ALIGN(x) __attribute__((aligned(x)))
#define DECLSPEC_NOINLINE __attribute__((noinline))
#define DECLSPEC_DEPRECATED __attribute__((deprecated))
#define DECLSPEC_SELECTANY __attribute__((weak))

#define __declspec(x) PROACTOR_DECLSPEC_##x
#define _declspec(x) PROACTOR_DECLSPEC_##x
#define PROACTOR_DECLSPEC_dllimport
#define PROACTOR_DECLSPEC_dllexport __attribute__((visibility("default")))
#define PROACTOR_DECLSPEC_align(n) __attribute__((aligned(n)))
#define PROACTOR_DECLSPEC_thread __thread
#define PROACTOR_DECLSPEC_noinline __attribute__((noinline))
#define PROACTOR_DECLSPEC_noreturn __attribute__((noreturn))
#define PROACTOR_DECLSPEC_nothrow __attribute__((nothrow))
#define PROACTOR_DECLSPEC_selectany __attribute__((weak))
#define PROACTOR_DECLSPEC_deprecated __attribute__((deprecated))
#define PROACTOR_DECLSPEC_novtable
#define PROACTOR_DECLSPEC_noalias
#define PROACTOR_DECLSPEC_restrict __attribute__((malloc))
#define PROACTOR_DECLSPEC_uuid(text)
#define PROACTOR_DECLSPEC_allocator

#define __forceinline static __inline__ __attribute__((unused, always_inline))
#define _forceinline __forceinline
#ifdef __cplusplus
/* A member function may be __forceinline, and there `static` would change its meaning. */
#undef __forceinline
#define __forceinline inline __attribute__((always_inline))
#endif
#define FORCEINLINE __forceinline
#ifndef __inline
#define __inline __inline__
#endif
#define _inline __inline__
#define __unaligned
#define UNALIGNED
#define __ptr32
#define __ptr64
#define __w64

#define __int8 char
#define __int16 short
#define __int32 int
#define __int64 long long
#define _int64 long long

#ifdef __cplusplus
#define DECLSPEC_UUID(text)
#define EXTERN_C extern "C"
#else
#define EXTERN_C extern
#endif

#define UNREFERENCED_PARAMETER(p) ((void)(p))
#define DBG_UNREFERENCED_PARAMETER(p) ((void)(p))
#define DBG_UNREFERENCED_LOCAL_VARIABLE(v) ((void)(v))
#define C_ASSERT(e) typedef char proactor_c_assert[(e) ? 1 : -1] __attribute__((unused))
#define __pragma(x)
#define __assume(e) ((void)sizeof((e) ? 1 : 0))
#define __noop(...) ((void)0)

#endif
