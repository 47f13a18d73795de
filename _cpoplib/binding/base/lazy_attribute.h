/* Class attributes that are computed when first asked for, so that importing
   the module imports neither re nor inspect. */

#ifndef BINDING_LAZY_ATTRIBUTE_H
#define BINDING_LAZY_ATTRIBUTE_H

#include "binding/base/state.h"

/* The value for `instance`, NULL if it was looked up on the class `owner`
   itself; a new reference, or NULL and an exception. */
typedef PyObject *(*lazy_attribute_compute)(struct module_state *state,
                                            PyObject *instance,
                                            PyTypeObject *owner);

/* The type of these descriptors, or NULL. */
PyTypeObject *lazy_attribute_new_type(PyObject *module);

/* type.name is computed at each access; 0, or -1 and an exception. */
int lazy_attribute_add(struct module_state *state, PyTypeObject *type,
                       const char *name, lazy_attribute_compute compute);

#endif
