/* What winsock2.h looks for first: whether the file has taken libc's meaning of the names they share. */
#ifdef PROACTOR_LIBC_NAMES
#error "this file defines PROACTOR_LIBC_NAMES, so it has libc's sockets; <windows.h> with WIN32_LEAN_AND_MEAN goes with them, <winsock2.h> does not"
#endif
