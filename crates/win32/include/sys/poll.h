/* Libc's <sys/poll.h>, for files that say they mean libc's sockets: Winsock has other values and layouts for its names. */
#pragma GCC system_header
#ifndef PROACTOR_LIBC_NAMES
#error "<sys/poll.h> and <winsock2.h> have the same names for different things: define PROACTOR_LIBC_NAMES in a file that uses libc's sockets"
#endif
#include_next <sys/poll.h>
