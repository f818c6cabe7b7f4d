/* process.h in another spelling. */
#include "process.h"
