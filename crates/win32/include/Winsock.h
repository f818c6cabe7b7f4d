/* winsock.h in another spelling. */
#include "winsock.h"
