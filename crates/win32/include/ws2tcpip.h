/* Names and addresses, IPv6, and the options that ws2ipdef.h has. */
#ifndef PROACTOR_WS2TCPIP_H
#define PROACTOR_WS2TCPIP_H

#include "winsock2.h"
#include "ws2ipdef.h"

PROACTOR_BEGIN_C

typedef int socklen_t;

#define EAI_AGAIN WSATRY_AGAIN
#define EAI_BADFLAGS WSAEINVAL
#define EAI_FAIL WSANO_RECOVERY
#define EAI_FAMILY WSAEAFNOSUPPORT
#define EAI_MEMORY WSA_NOT_ENOUGH_MEMORY
#define EAI_NODATA WSANO_DATA
#define EAI_NONAME WSAHOST_NOT_FOUND
#define EAI_SERVICE WSATYPE_NOT_FOUND
#define EAI_SOCKTYPE WSAESOCKTNOSUPPORT

#define UDP_NOCHECKSUM 1
#define UDP_CHECKSUM_COVERAGE 20

#define IN6ADDR_ANY_INIT {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}}
#define IN6ADDR_LOOPBACK_INIT {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}}
__attribute__((unused)) static const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
__attribute__((unused)) static const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

PROACTOR_INLINE int proactor_in6_zero(const struct in6_addr *a, int from, int to) {
    while (from < to && a->u.Byte[from] == 0) from++;
    return from == to;
}
PROACTOR_INLINE int IN6_ADDR_EQUAL(const struct in6_addr *a, const struct in6_addr *b) {
    return __builtin_memcmp(a, b, sizeof(struct in6_addr)) == 0;
}
#define IN6_ARE_ADDR_EQUAL IN6_ADDR_EQUAL
PROACTOR_INLINE int IN6_IS_ADDR_UNSPECIFIED(const struct in6_addr *a) { return proactor_in6_zero(a, 0, 16); }
PROACTOR_INLINE int IN6_IS_ADDR_LOOPBACK(const struct in6_addr *a) {
    return proactor_in6_zero(a, 0, 15) && a->u.Byte[15] == 1;
}
PROACTOR_INLINE int IN6_IS_ADDR_MULTICAST(const struct in6_addr *a) { return a->u.Byte[0] == 0xff; }
PROACTOR_INLINE int IN6_IS_ADDR_LINKLOCAL(const struct in6_addr *a) {
    return a->u.Byte[0] == 0xfe && (a->u.Byte[1] & 0xc0) == 0x80;
}
PROACTOR_INLINE int IN6_IS_ADDR_SITELOCAL(const struct in6_addr *a) {
    return a->u.Byte[0] == 0xfe && (a->u.Byte[1] & 0xc0) == 0xc0;
}
PROACTOR_INLINE int IN6_IS_ADDR_V4MAPPED(const struct in6_addr *a) {
    return proactor_in6_zero(a, 0, 10) && a->u.Byte[10] == 0xff && a->u.Byte[11] == 0xff;
}

WINSOCK_API_LINKAGE INT WSAAPI getaddrinfo(PCSTR pNodeName, PCSTR pServiceName, const ADDRINFOA *pHints, PADDRINFOA
                                           *ppResult) PROACTOR_SYMBOL(getaddrinfo);
WINSOCK_API_LINKAGE VOID WSAAPI freeaddrinfo(PADDRINFOA pAddrInfo) PROACTOR_SYMBOL(freeaddrinfo);
WINSOCK_API_LINKAGE INT WSAAPI getnameinfo(const SOCKADDR *pSockaddr, socklen_t SockaddrLength, PCHAR pNodeBuffer,
                                           DWORD NodeBufferSize, PCHAR pServiceBuffer, DWORD ServiceBufferSize, INT
                                           Flags) PROACTOR_SYMBOL(getnameinfo);
WINSOCK_API_LINKAGE INT WSAAPI inet_pton(INT Family, PCSTR pStringBuf, PVOID pAddr) PROACTOR_SYMBOL(inet_pton);
WINSOCK_API_LINKAGE PCSTR WSAAPI inet_ntop(INT Family, const VOID *pAddr, PSTR pStringBuf, size_t StringBufSize)
                                           PROACTOR_SYMBOL(inet_ntop);

#define GAI_STRERROR_BUFFER_SIZE 1024
/* One buffer for each source, as on Windows: not for several threads at once. */
PROACTOR_INLINE char *gai_strerrorA(int ecode) {
    static char buffer[GAI_STRERROR_BUFFER_SIZE + 1];
    const DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK;
    buffer[0] = 0;
    FormatMessageA(flags, NULL, (DWORD)ecode, 0, buffer, GAI_STRERROR_BUFFER_SIZE, NULL);
    return buffer;
}
#ifndef UNICODE
#define gai_strerror gai_strerrorA
#endif

PROACTOR_END_C

#endif
