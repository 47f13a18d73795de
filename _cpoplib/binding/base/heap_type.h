/* Heap types whose methods are spread over several files. */

#ifndef BINDING_HEAP_TYPE_H
#define BINDING_HEAP_TYPE_H

#include "binding/base/pycompat.h"

/* Adds the methods of a table to a type, as if assigned to the class: that
   makes __init__ a method with a signature of its own, where a slot would give
   (*args, **kwargs).  -1 and an exception. */
int heap_type_add_methods(PyTypeObject *type, PyMethodDef *method);

/* What object.__sizeof__() says. */
size_t heap_type_own_size(PyObject *op);

/* tp_new of a type whose instances are made by C alone: TypeError. */
PyObject *heap_type_refuse_new(PyTypeObject *type, PyObject *args,
                               PyObject *kwargs);

#endif
