/*
 * Characters and strings, narrow and wide. A WCHAR has 16 bits whatever wchar_t has: with -fshort-wchar it is
 * wchar_t and L"" is a wide string; without, it is what u"" is made of.
 */
#ifndef PROACTOR_CHARS_H
#define PROACTOR_CHARS_H

#include <stddef.h>

typedef char CHAR, *PCHAR, *LPCH, *PCH;
typedef CHAR *NPSTR, *LPSTR, *PSTR;
typedef const CHAR *LPCSTR, *PCSTR, *LPCCH, *PCCH;
typedef PSTR *PZPSTR;
typedef const CHAR *PCZPSTR;

#if __SIZEOF_WCHAR_T__ == 2
typedef wchar_t WCHAR;
#define PROACTOR_WIDE(text) L##text
#elif defined(__cplusplus)
typedef char16_t WCHAR;
#define PROACTOR_WIDE(text) u##text
#else
typedef unsigned short WCHAR;
#define PROACTOR_WIDE(text) u##text
#endif

typedef WCHAR *PWCHAR, *LPWCH, *PWCH;
typedef WCHAR *NWPSTR, *LPWSTR, *PWSTR;
typedef const WCHAR *LPCWSTR, *PCWSTR, *LPCWCH, *PCWCH;

#ifdef UNICODE
typedef WCHAR TCHAR, *PTCHAR;
typedef WCHAR TBYTE, *PTBYTE;
typedef LPWSTR LPTSTR, PTSTR, LPTCH, PTCH;
typedef LPCWSTR LPCTSTR, PCTSTR;
#define PROACTOR_TEXT(text) PROACTOR_WIDE(text)
#else
typedef char TCHAR, *PTCHAR;
typedef unsigned char TBYTE, *PTBYTE;
typedef LPSTR LPTSTR, PTSTR, LPTCH, PTCH;
typedef LPCSTR LPCTSTR, PCTSTR;
#define PROACTOR_TEXT(text) text
#endif
#define TEXT(text) PROACTOR_TEXT(text)
#ifndef __TEXT
#define __TEXT(text) PROACTOR_TEXT(text)
#endif

#endif
