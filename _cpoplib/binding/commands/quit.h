/* How a session ends: QUIT, and the `with` statement. */

#ifndef BINDING_QUIT_H
#define BINDING_QUIT_H

#include "binding/client/pop3.h"

extern PyMethodDef quit_methods[];

#endif
