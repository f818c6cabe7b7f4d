/* Winsock 1 by name; what there is, is the second version, which has all of the first. */
#ifndef PROACTOR_WINSOCK_H
#define PROACTOR_WINSOCK_H

#include "winsock2.h"



#endif
