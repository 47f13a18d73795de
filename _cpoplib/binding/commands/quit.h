/* The method quit() and the `with` statement.  Calls dialogue and the layers
   below. */

#ifndef BINDING_QUIT_H
#define BINDING_QUIT_H

#include "binding/client/pop3.h"

extern PyMethodDef quit_methods[];

#endif
