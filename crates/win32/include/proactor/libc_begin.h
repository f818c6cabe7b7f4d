/*
 * Puts libc's meaning of the names that Windows has too aside, while a header of libc is read: libc's are called
 * proactor_libc_... then. libc_end.h brings the others back. No guard: the two come in pairs.
 */
#pragma push_macro("u_char")
#undef u_char
#define u_char proactor_libc_u_char
#pragma push_macro("u_short")
#undef u_short
#define u_short proactor_libc_u_short
#pragma push_macro("u_int")
#undef u_int
#define u_int proactor_libc_u_int
#pragma push_macro("u_long")
#undef u_long
#define u_long proactor_libc_u_long
#pragma push_macro("timeval")
#undef timeval
#define timeval proactor_libc_timeval
#pragma push_macro("fd_set")
#undef fd_set
#define fd_set proactor_libc_fd_set
#pragma push_macro("select")
#undef select
#define select proactor_libc_select
#pragma push_macro("gethostname")
#undef gethostname
#define gethostname proactor_libc_gethostname
#pragma push_macro("socklen_t")
#undef socklen_t
#define socklen_t proactor_libc_socklen_t
#pragma push_macro("FD_SET")
#undef FD_SET
#pragma push_macro("FD_CLR")
#undef FD_CLR
#pragma push_macro("FD_ISSET")
#undef FD_ISSET
#pragma push_macro("FD_ZERO")
#undef FD_ZERO
#pragma push_macro("FD_SETSIZE")
#undef FD_SETSIZE
#pragma push_macro("timerisset")
#undef timerisset
#pragma push_macro("timercmp")
#undef timercmp
#pragma push_macro("timerclear")
#undef timerclear
