/* Makes Python objects of spans of received bytes.  Calls core/proto only. */

#ifndef BINDING_LINES_H
#define BINDING_LINES_H

#include "binding/base/pycompat.h"
#include "core/proto/scan.h"

/* Returns a new bytes object, or NULL and an exception. */
static inline PyObject *
lines_bytes(const char *base, struct pop_span span)
{
    return PyBytes_FromStringAndSize(base + span.offset,
                                     (Py_ssize_t)span.length);
}

/* Returns a new list of one bytes object per span, or NULL and an exception.
 */
PyObject *lines_list(const char *base, const struct pop_span *spans,
                     size_t count);

/* Appends one bytes object per span.  Returns -1 and an exception, with some
   appended. */
int lines_append(PyObject *list, const char *base,
                 const struct pop_span *spans, size_t count);

#endif
