/* Whole messages: as bytes, or into a file. */

#ifndef BINDING_RETR_BYTES_H
#define BINDING_RETR_BYTES_H

#include "binding/client/pop3.h"

/* The octets of the message that answers a command line (str): bytes. */
PyObject *whole_fetch(POP3Object *self, PyObject *line);

extern PyMethodDef whole_methods[];

#endif
