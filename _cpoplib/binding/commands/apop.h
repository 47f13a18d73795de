/* The method apop() and the class attribute `timestamp`.  Calls dialogue and
   OpenSSL's digests. */

#ifndef BINDING_APOP_H
#define BINDING_APOP_H

#include "binding/client/pop3.h"

/* Computes POP3.timestamp, poplib's pattern of the time stamp in a greeting:
   a new reference, or NULL and an exception. */
PyObject *apop_timestamp_pattern(struct module_state *state,
                                 PyObject *instance, PyTypeObject *owner);

extern PyMethodDef apop_methods[];

#endif
