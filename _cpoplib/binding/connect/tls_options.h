/* The TLS arguments of POP3_SSL() and stls(), and which of them exclude each
   other.  Calls nothing of the binding. */

#ifndef BINDING_TLS_OPTIONS_H
#define BINDING_TLS_OPTIONS_H

#include <stdbool.h>

#include "binding/base/pycompat.h"

/* Borrowed references; NULL for None or not given. */
struct tls_options {
    PyObject *context;
    PyObject *keyfile;
    PyObject *certfile;
    PyObject *verify;
};

/* Returns the argument, or NULL for None. */
PyObject *tls_options_given(PyObject *argument);

/* Returns None for NULL; borrowed. */
static inline PyObject *
tls_options_or_none(PyObject *option)
{
    return option == NULL ? Py_None : option;
}

/* Returns -1 and raises ValueError for arguments that exclude each other. */
int tls_options_check(const struct tls_options *options);

/* Returns whether to verify the certificate; verify=False equals None. */
bool tls_options_verifies(const struct tls_options *options);

#endif
