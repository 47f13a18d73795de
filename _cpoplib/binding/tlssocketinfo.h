/* What a TLSSocket tells of its session. */

#ifndef BINDING_TLSSOCKETINFO_H
#define BINDING_TLSSOCKETINFO_H

#include "binding/tlssocket.h"

extern PyMethodDef tlssocketinfo_methods[];
extern PyGetSetDef tlssocketinfo_getset[];

#endif
