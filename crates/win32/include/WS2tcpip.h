/* ws2tcpip.h in another spelling. */
#include "ws2tcpip.h"
