/* strsafe.h in another spelling. */
#include "strsafe.h"
