/* ws2def.h in another spelling. */
#include "ws2def.h"
