/* The exception error_proto and its attributes: response, code, temporary.
   Calls errors and lazy_attribute. */

#ifndef BINDING_ERROR_PROTO_H
#define BINDING_ERROR_PROTO_H

#include "binding/base/state.h"

/* Makes the type; needs state->lazy_attribute_type.  Returns a new reference,
   or NULL and an exception. */
PyObject *error_proto_new_type(struct module_state *state);

#endif
