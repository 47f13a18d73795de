#include "binding/reader/lines.h"

PyObject *
lines_list(const char *base, const struct pop_span *spans, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    size_t i;

    for (i = 0; list != NULL && i < count; i++) {
        PyObject *line = lines_bytes(base, spans[i]);

        if (line == NULL) {
            Py_CLEAR(list);
        }
        else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, line);
        }
    }
    return list;
}

int
lines_append(PyObject *list, const char *base, const struct pop_span *spans,
             size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        PyObject *line = lines_bytes(base, spans[i]);
        int failed;

        if (line == NULL) {
            return -1;
        }
        failed = PyList_Append(list, line);
        Py_DECREF(line);
        if (failed < 0) {
            return -1;
        }
    }
    return 0;
}
