/* Whole messages: as bytes, or into a file. */

#ifndef BINDING_WHOLE_H
#define BINDING_WHOLE_H

#include "binding/pop3.h"

/* The octets of the message that answers a command line (str): bytes. */
PyObject *whole_fetch(POP3Object *self, PyObject *line);

extern PyMethodDef whole_methods[];

#endif
