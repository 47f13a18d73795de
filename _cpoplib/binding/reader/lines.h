/* Spans of received bytes into Python objects. */

#ifndef BINDING_LINES_H
#define BINDING_LINES_H

#include "binding/base/pycompat.h"
#include "core/proto/scan.h"

/* A new bytes object, or NULL. */
static inline PyObject *
lines_bytes(const char *base, struct pop_span span)
{
    return PyBytes_FromStringAndSize(base + span.offset,
                                     (Py_ssize_t)span.length);
}

/* A new list of one bytes object per span, or NULL. */
PyObject *lines_list(const char *base, const struct pop_span *spans,
                     size_t count);

/* Appends one bytes object per span; 0, or -1 with some appended. */
int lines_append(PyObject *list, const char *base,
                 const struct pop_span *spans, size_t count);

#endif
