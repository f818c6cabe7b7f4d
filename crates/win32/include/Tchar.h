/* tchar.h in another spelling. */
#include "tchar.h"
