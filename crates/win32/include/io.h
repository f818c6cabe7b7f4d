/* Descriptors of the C run-time, under the names with an underscore; they are the system's own here. */
#ifndef PROACTOR_IO_H
#define PROACTOR_IO_H

#include <stdio.h>
#include <unistd.h>
#include "proactor/compiler.h"

#define _access access
#define _close close
#define _read read
#define _write write
#define _isatty isatty
#define _dup dup
#define _dup2 dup2
#define _fileno fileno
#define _unlink unlink

#endif
