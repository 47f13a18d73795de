/* apop(), and the class attribute `timestamp` that it uses. */

#ifndef BINDING_APOP_H
#define BINDING_APOP_H

#include "binding/client/pop3.h"

/* poplib's regular expression for the time stamp in a greeting. */
PyObject *apop_timestamp_pattern(struct module_state *state,
                                 PyObject *instance, PyTypeObject *owner);

extern PyMethodDef apop_methods[];

#endif
