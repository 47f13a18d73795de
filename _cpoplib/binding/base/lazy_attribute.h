/* Class attributes computed at each access, so that importing the module
   imports neither re nor inspect.  Calls heap_type. */

#ifndef BINDING_LAZY_ATTRIBUTE_H
#define BINDING_LAZY_ATTRIBUTE_H

#include "binding/base/state.h"

/* Returns the value (new reference), or NULL and an exception.  `instance` is
   NULL if the attribute is looked up on the class `owner`. */
typedef PyObject *(*lazy_attribute_compute)(struct module_state *state,
                                            PyObject *instance,
                                            PyTypeObject *owner);

/* Returns the type of the descriptors, or NULL and an exception. */
PyTypeObject *lazy_attribute_new_type(PyObject *module);

/* Adds the attribute `name` to a type.  Returns -1 and an exception. */
int lazy_attribute_add(struct module_state *state, PyTypeObject *type,
                       const char *name, lazy_attribute_compute compute);

#endif
