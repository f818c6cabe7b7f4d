/* Of the multimedia API there is the clock. */
#ifndef PROACTOR_MMSYSTEM_H
#define PROACTOR_MMSYSTEM_H

#include "timeapi.h"

#endif
