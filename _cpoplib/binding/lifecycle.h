/* How an instance of POP3 is connected and closed. */

#ifndef BINDING_LIFECYCLE_H
#define BINDING_LIFECYCLE_H

#include "binding/pop3.h"

/* poplib's close(): .file, then .sock, each set to None first.  Takes no
   lock; it wakes a thread that is blocked in this connection. */
PyObject *lifecycle_close(POP3Object *self);

extern PyMethodDef lifecycle_methods[];

#endif
