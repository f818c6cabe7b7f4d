/* mstcpip.h in another spelling. */
#include "mstcpip.h"
