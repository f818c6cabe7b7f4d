/* Windows has its annotations in two headers. */
#ifndef PROACTOR_SPECSTRINGS_H
#define PROACTOR_SPECSTRINGS_H

#include "sal.h"

#endif
