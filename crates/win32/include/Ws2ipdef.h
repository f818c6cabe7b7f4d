/* ws2ipdef.h in another spelling. */
#include "ws2ipdef.h"
