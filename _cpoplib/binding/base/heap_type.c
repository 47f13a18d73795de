#include "binding/base/heap_type.h"

#include "binding/base/guard.h"

int
heap_type_add_methods(PyTypeObject *type, PyMethodDef *method)
{
    for (; method->ml_name != NULL; method++) {
        PyObject *descriptor = PyDescr_NewMethod(type, method);
        int failed;

        if (descriptor == NULL) {
            return -1;
        }
        failed = PyObject_SetAttrString((PyObject *)type, method->ml_name,
                                        descriptor);
        Py_DECREF(descriptor);
        if (failed < 0) {
            return -1;
        }
    }
    return 0;
}

void
heap_type_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)type->tp_clear(op);
    Py_DECREF(GUARD(op));
    type->tp_free(op);
    Py_DECREF(type);
}

PyObject *
heap_type_refuse_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                     PyObject *Py_UNUSED(kwargs))
{
    PyErr_Format(PyExc_TypeError, "cannot create '%s' instances",
                 type->tp_name);
    return NULL;
}

size_t
heap_type_own_size(PyObject *op)
{
    return (size_t)Py_TYPE(op)->tp_basicsize;
}
