/* The arguments of POP3_SSL and stls() that say what TLS is to be, and which
   of them exclude each other.  Calls nothing of the binding's. */

#ifndef BINDING_TLS_OPTIONS_H
#define BINDING_TLS_OPTIONS_H

#include <stdbool.h>

#include "binding/base/pycompat.h"

/* Borrowed references; NULL for None and what was not given. */
struct tls_options {
    PyObject *context;
    PyObject *keyfile;
    PyObject *certfile;
    PyObject *verify;
};

/* NULL for None. */
PyObject *tls_options_given(PyObject *argument);

/* -1 and ValueError for arguments that exclude each other. */
int tls_options_check(const struct tls_options *options);

/* Whether the certificate is to be verified: verify=False is verify=None. */
bool tls_options_verifies(const struct tls_options *options);

#endif
