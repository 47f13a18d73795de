/* A TLSSocket as a file: makefile(), closing, and what is not possible on it.
 */

#ifndef BINDING_TLSSOCKETFILE_H
#define BINDING_TLSSOCKETFILE_H

#include "binding/tlssocket.h"

extern PyMethodDef tlssocketfile_methods[];

#endif
