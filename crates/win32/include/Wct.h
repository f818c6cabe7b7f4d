/* wct.h in another spelling. */
#include "wct.h"
