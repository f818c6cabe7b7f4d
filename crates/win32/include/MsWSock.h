/* mswsock.h in another spelling. */
#include "mswsock.h"
