/* Helpers for heap types.  Calls guard. */

#ifndef BINDING_HEAP_TYPE_H
#define BINDING_HEAP_TYPE_H

#include "binding/base/pycompat.h"

/* Adds the methods of a table to a type by assignment.  Unlike a slot, this
   gives __init__ its own signature instead of (*args, **kwargs).  Returns -1
   and an exception. */
int heap_type_add_methods(PyTypeObject *type, PyMethodDef *method);

/* Returns object.__sizeof__(op). */
size_t heap_type_own_size(PyObject *op);

/* tp_dealloc of a guarded type whose tp_clear releases all but the guard. */
void heap_type_dealloc(PyObject *op);

/* tp_new of a type that only C instantiates; raises TypeError. */
PyObject *heap_type_refuse_new(PyTypeObject *type, PyObject *args,
                               PyObject *kwargs);

#endif
