/* Whole messages: as bytes, or into a file. */

#ifndef BINDING_RETR_BYTES_H
#define BINDING_RETR_BYTES_H

#include "binding/client/pop3.h"

/* Sends a command line (str; stolen; NULL with an exception is passed on) and
   returns the message that answers it, bytes; or NULL and an exception. */
PyObject *retr_bytes_fetch(POP3Object *self, PyObject *line);

extern PyMethodDef retr_bytes_methods[];

#endif
