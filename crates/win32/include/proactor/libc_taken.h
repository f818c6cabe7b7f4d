/* Names that libc took as macros before Winsock was included; Winsock has other values for them. */
#undef FD_SET
#undef FD_CLR
#undef FD_ZERO
#undef FD_ISSET
