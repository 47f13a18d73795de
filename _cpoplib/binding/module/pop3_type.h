/* The type POP3: how an instance is made and freed, and all that its methods
   are in.  Calls whatever has a part of an instance, or a table of methods. */

#ifndef BINDING_POP3_TYPE_H
#define BINDING_POP3_TYPE_H

#include "binding/base/state.h"

/* A new type poplib_c.POP3, or NULL.  Fills state->own_hook. */
PyTypeObject *pop3_type_new(struct module_state *state, PyObject *module);

#endif
