#include "binding/types.h"

int
types_add_methods(PyTypeObject *type, PyMethodDef *method)
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
