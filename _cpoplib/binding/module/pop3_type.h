/* The type POP3: creates and frees instances, collects the method tables.
   Calls all layers below. */

#ifndef BINDING_POP3_TYPE_H
#define BINDING_POP3_TYPE_H

#include "binding/base/state.h"

/* Returns a new type poplib_c.POP3, or NULL and an exception.  Fills
   state->own_hook. */
PyTypeObject *pop3_type_new(struct module_state *state, PyObject *module);

#endif
