/* winsock2.h in another spelling. */
#include "winsock2.h"
