/*
 * The base of Windows' API, as far as completion-port servers use it. As on Windows, Winsock comes along unless
 * WIN32_LEAN_AND_MEAN is defined; here it is always the second version.
 */
#ifndef PROACTOR_WINDOWS_H
#define PROACTOR_WINDOWS_H

#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0a00
#endif
#ifndef WINVER
#define WINVER _WIN32_WINNT
#endif
#define _WIN32_WINNT_NT4 0x0400
#define _WIN32_WINNT_WIN2K 0x0500
#define _WIN32_WINNT_WINXP 0x0501
#define _WIN32_WINNT_WS03 0x0502
#define _WIN32_WINNT_VISTA 0x0600
#define _WIN32_WINNT_LONGHORN 0x0600
#define _WIN32_WINNT_WIN7 0x0601
#define _WIN32_WINNT_WIN8 0x0602
#define _WIN32_WINNT_WINBLUE 0x0603
#define _WIN32_WINNT_WIN10 0x0a00

#include "windef.h"
#include "winbase.h"
#include "wct.h"

#ifndef WIN32_LEAN_AND_MEAN
#include "mmsystem.h"
#include "winsock2.h"
#endif

#endif
