/* Whole messages: as bytes, or into a file. */

#ifndef BINDING_RETR_BYTES_H
#define BINDING_RETR_BYTES_H

#include "binding/client/pop3.h"

/* The octets of the message that answers a command line (str): bytes. */
PyObject *retr_bytes_fetch(POP3Object *self, PyObject *line);

extern PyMethodDef retr_bytes_methods[];

#endif
