/* The methods of a TLSSocket that move bytes. */

#ifndef BINDING_TLSSOCKETIO_H
#define BINDING_TLSSOCKETIO_H

#include "binding/tlssocket.h"

extern PyMethodDef tlssocketio_methods[];

#endif
