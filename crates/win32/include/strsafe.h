/*
 * Strings that never outgrow their buffers: the result is always ended by a zero, and one that was cut short says
 * so. The formats of StringCchPrintf are Windows': l means 32 bits, I64 means 64.
 */
#ifndef PROACTOR_STRSAFE_H
#define PROACTOR_STRSAFE_H

#include <stdarg.h>
#include <stdio.h>
#include "winerror.h"

#define STRSAFE_MAX_CCH 2147483647
#define STRSAFE_E_INSUFFICIENT_BUFFER ((HRESULT)0x8007007a)
#define STRSAFE_E_INVALID_PARAMETER ((HRESULT)0x80070057)
#define STRSAFE_E_END_OF_FILE ((HRESULT)0x80070026)

typedef char *STRSAFE_LPSTR;
typedef const char *STRSAFE_LPCSTR;
typedef WCHAR *STRSAFE_LPWSTR;
typedef const WCHAR *STRSAFE_LPCWSTR;

PROACTOR_BEGIN_C

/* One copy or append for bytes, one for wide characters. `at` is where the text begins. */
#define PROACTOR_STRSAFE(suffix, character, text) \
    PROACTOR_INLINE HRESULT StringCchLength##suffix(text from, size_t room, size_t *length) { \
        size_t at = 0; \
        if (length) *length = 0; \
        if (!from || room > STRSAFE_MAX_CCH) return STRSAFE_E_INVALID_PARAMETER; \
        while (at < room && from[at]) at++; \
        if (at == room) return STRSAFE_E_INVALID_PARAMETER; \
        if (length) *length = at; \
        return S_OK; \
    } \
    PROACTOR_INLINE HRESULT proactor_put##suffix(character *to, size_t room, size_t at, text from, size_t most) { \
        size_t taken = 0; \
        while (taken < most && from[taken]) { \
            if (at + 1 >= room) { \
                to[at] = 0; \
                return STRSAFE_E_INSUFFICIENT_BUFFER; \
            } \
            to[at++] = from[taken++]; \
        } \
        to[at] = 0; \
        return S_OK; \
    } \
    PROACTOR_INLINE HRESULT StringCchCopyN##suffix(character *to, size_t room, text from, size_t most) { \
        if (room == 0 || room > STRSAFE_MAX_CCH) return STRSAFE_E_INVALID_PARAMETER; \
        return proactor_put##suffix(to, room, 0, from, most); \
    } \
    PROACTOR_INLINE HRESULT StringCchCopy##suffix(character *to, size_t room, text from) { \
        return StringCchCopyN##suffix(to, room, from, STRSAFE_MAX_CCH); \
    } \
    PROACTOR_INLINE HRESULT StringCchCatN##suffix(character *to, size_t room, text from, size_t most) { \
        size_t at; \
        const HRESULT result = StringCchLength##suffix(to, room, &at); \
        return FAILED(result) ? result : proactor_put##suffix(to, room, at, from, most); \
    } \
    PROACTOR_INLINE HRESULT StringCchCat##suffix(character *to, size_t room, text from) { \
        return StringCchCatN##suffix(to, room, from, STRSAFE_MAX_CCH); \
    } \
    PROACTOR_INLINE HRESULT StringCbLength##suffix(text from, size_t bytes, size_t *length) { \
        const HRESULT result = StringCchLength##suffix(from, bytes / sizeof(character), length); \
        if (length) *length *= sizeof(character); \
        return result; \
    } \
    PROACTOR_INLINE HRESULT StringCbCopy##suffix(character *to, size_t bytes, text from) { \
        return StringCchCopy##suffix(to, bytes / sizeof(character), from); \
    } \
    PROACTOR_INLINE HRESULT StringCbCat##suffix(character *to, size_t bytes, text from) { \
        return StringCchCat##suffix(to, bytes / sizeof(character), from); \
    }

PROACTOR_STRSAFE(A, char, STRSAFE_LPCSTR)
PROACTOR_STRSAFE(W, WCHAR, STRSAFE_LPCWSTR)

/* A Windows format as libc has it: `l` dropped before an integer, I64 and I as `ll`, I32 dropped. */
PROACTOR_INLINE int proactor_format(char *to, size_t room, const char *from) {
    size_t at = 0;
    while (*from) {
        int conversion = 0;
        if (at + 4 >= room) return 0;
        if (*from != '%') {
            to[at++] = *from++;
            continue;
        }
        do {
            if (at + 4 >= room) return 0;
            to[at++] = *from++;
        } while (*from && __builtin_strchr("0123456789+-# .*", *from));
        if (from[0] == 'I' && from[1] == '6' && from[2] == '4') from += 3, conversion = 2;
        else if (from[0] == 'I' && from[1] == '3' && from[2] == '2') from += 3;
        else if (from[0] == 'I') from += 1, conversion = 2;
        else if (from[0] == 'l' && from[1] == 'l') from += 2, conversion = 2;
        else if (from[0] == 'l' && from[1] && __builtin_strchr("diouxX", from[1])) from += 1;
        for (; conversion > 0; conversion--) to[at++] = 'l';
        if (*from) to[at++] = *from++;
    }
    to[at] = 0;
    return 1;
}

PROACTOR_INLINE HRESULT StringCchVPrintfA(STRSAFE_LPSTR to, size_t room, STRSAFE_LPCSTR format, va_list arguments) {
    char libc_format[1024];
    int length;
    if (room == 0 || room > STRSAFE_MAX_CCH) return STRSAFE_E_INVALID_PARAMETER;
    to[0] = 0;
    if (!proactor_format(libc_format, sizeof(libc_format), format)) return STRSAFE_E_INVALID_PARAMETER;
    length = vsnprintf(to, room, libc_format, arguments);
    if (length < 0) return STRSAFE_E_INVALID_PARAMETER;
    return (size_t)length < room ? S_OK : STRSAFE_E_INSUFFICIENT_BUFFER;
}

static __inline__ __attribute__((unused)) HRESULT StringCchPrintfA(STRSAFE_LPSTR to, size_t room,
                                                                   STRSAFE_LPCSTR format, ...) {
    HRESULT result;
    va_list arguments;
    va_start(arguments, format);
    result = StringCchVPrintfA(to, room, format, arguments);
    va_end(arguments);
    return result;
}

static __inline__ __attribute__((unused)) HRESULT StringCbPrintfA(STRSAFE_LPSTR to, size_t bytes,
                                                                  STRSAFE_LPCSTR format, ...) {
    HRESULT result;
    va_list arguments;
    va_start(arguments, format);
    result = StringCchVPrintfA(to, bytes, format, arguments);
    va_end(arguments);
    return result;
}

PROACTOR_END_C

#ifdef UNICODE
#define PROACTOR_BY_WIDTH(name) name##W
#else
#define PROACTOR_BY_WIDTH(name) name##A
#define StringCchPrintf StringCchPrintfA
#define StringCchVPrintf StringCchVPrintfA
#define StringCbPrintf StringCbPrintfA
#endif
#define StringCchLength PROACTOR_BY_WIDTH(StringCchLength)
#define StringCchCopy PROACTOR_BY_WIDTH(StringCchCopy)
#define StringCchCopyN PROACTOR_BY_WIDTH(StringCchCopyN)
#define StringCchCat PROACTOR_BY_WIDTH(StringCchCat)
#define StringCchCatN PROACTOR_BY_WIDTH(StringCchCatN)
#define StringCbLength PROACTOR_BY_WIDTH(StringCbLength)
#define StringCbCopy PROACTOR_BY_WIDTH(StringCbCopy)
#define StringCbCat PROACTOR_BY_WIDTH(StringCbCat)

#endif
