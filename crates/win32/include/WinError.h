/* winerror.h in another spelling. */
#include "winerror.h"
