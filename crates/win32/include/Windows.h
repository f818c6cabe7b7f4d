/* windows.h in another spelling. */
#include "windows.h"
