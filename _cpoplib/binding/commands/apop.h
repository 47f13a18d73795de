/* The method apop().  Calls dialogue and the layers below. */

#ifndef BINDING_APOP_H
#define BINDING_APOP_H

#include "binding/client/pop3.h"

extern PyMethodDef apop_methods[];

#endif
