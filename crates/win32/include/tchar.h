/* Names that mean bytes or wide characters by whether _UNICODE is defined. */
#ifndef PROACTOR_TCHAR_H
#define PROACTOR_TCHAR_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#if defined(_UNICODE) && !defined(UNICODE)
#define UNICODE
#endif
#include "proactor/chars.h"

#ifdef _UNICODE
typedef WCHAR _TCHAR;
typedef WCHAR _TSCHAR, _TUCHAR, _TXCHAR;
#define __T(text) PROACTOR_WIDE(text)
#define _tmain wmain
#define _TEOF WEOF
#else
typedef char _TCHAR;
typedef signed char _TSCHAR;
typedef unsigned char _TUCHAR;
typedef char _TXCHAR;
#define __T(text) text
#define _tmain main
#define _TEOF EOF
#define _tprintf printf
#define _ftprintf fprintf
#define _stprintf sprintf
#define _sntprintf snprintf
#define _vtprintf vprintf
#define _vsntprintf vsnprintf
#define _tcslen strlen
#define _tcscpy strcpy
#define _tcsncpy strncpy
#define _tcscat strcat
#define _tcsncat strncat
#define _tcscmp strcmp
#define _tcsncmp strncmp
#define _tcsicmp strcasecmp
#define _tcsnicmp strncasecmp
#define _tcschr strchr
#define _tcsrchr strrchr
#define _tcsstr strstr
#define _tcstok strtok
#define _tcstol strtol
#define _tcstoul strtoul
#define _tstoi atoi
#define _ttoi atoi
#define _tstol atol
#define _tfopen fopen
#define _fgetts fgets
#define _fputts fputs
#define _puttchar putchar
#define _gettchar getchar
#define _tgetenv getenv
#endif
#define _T(text) __T(text)
#define _TEXT(text) __T(text)

#endif
