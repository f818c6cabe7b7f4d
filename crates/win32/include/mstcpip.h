/* Controls of the TCP/IP provider. */
#ifndef PROACTOR_MSTCPIP_H
#define PROACTOR_MSTCPIP_H

#include "winsock2.h"

PROACTOR_BEGIN_C

struct tcp_keepalive {
    ULONG onoff;
    ULONG keepalivetime;
    ULONG keepaliveinterval;
};

#define SIO_RCVALL _WSAIOW(IOC_VENDOR, 1)
#define SIO_KEEPALIVE_VALS _WSAIOW(IOC_VENDOR, 4)
#define SIO_UDP_CONNRESET _WSAIOW(IOC_VENDOR, 12)
#define SIO_LOOPBACK_FAST_PATH _WSAIOW(IOC_VENDOR, 16)

PROACTOR_END_C

#endif
