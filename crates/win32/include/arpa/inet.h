/* Libc's <arpa/inet.h>, for files that say they mean libc's sockets: Winsock has other values and layouts for its names. */
#pragma GCC system_header
#ifndef PROACTOR_LIBC_NAMES
#error "<arpa/inet.h> and <winsock2.h> have the same names for different things: define PROACTOR_LIBC_NAMES in a file that uses libc's sockets"
#endif
#include_next <arpa/inet.h>
