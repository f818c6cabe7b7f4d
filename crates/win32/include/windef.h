/* minwindef.h by its older name. */
#ifndef PROACTOR_WINDEF_H
#define PROACTOR_WINDEF_H

#include "minwindef.h"

#endif
