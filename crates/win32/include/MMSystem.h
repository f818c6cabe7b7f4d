/* mmsystem.h in another spelling. */
#include "mmsystem.h"
