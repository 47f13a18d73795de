/* How a session ends: QUIT, and the `with` statement. */

#ifndef BINDING_SESSION_H
#define BINDING_SESSION_H

#include "binding/pop3.h"

extern PyMethodDef session_methods[];

#endif
