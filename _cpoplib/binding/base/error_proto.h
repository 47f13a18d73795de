/* The exception error_proto, and what it tells of the server's line. */

#ifndef BINDING_ERROR_PROTO_H
#define BINDING_ERROR_PROTO_H

#include "binding/base/state.h"

/* A new exception type poplib_c.error_proto, or NULL.
   state->lazy_attribute_type is there. */
PyObject *error_proto_new_type(struct module_state *state);

#endif
