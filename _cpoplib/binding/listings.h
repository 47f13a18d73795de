/* LIST and UIDL as data. */

#ifndef BINDING_LISTINGS_H
#define BINDING_LISTINGS_H

#include "binding/pop3.h"

extern PyMethodDef listings_methods[];

#endif
