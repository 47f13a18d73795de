/* The exception error_proto, and what it tells of the server's line. */

#ifndef BINDING_ERRORPROTO_H
#define BINDING_ERRORPROTO_H

#include "binding/module.h"

/* A new exception type poplib_c.error_proto, or NULL.  state->lazy_type is
   there. */
PyObject *errorproto_new_type(struct module_state *state);

#endif
