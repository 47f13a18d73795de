/* Arguments of methods: bound, and refused, as those of poplib's Python
   functions are. */

#ifndef BINDING_ARGS_H
#define BINDING_ARGS_H

#include "binding/base/pycompat.h"

#define ARGS_MAX 12

/* An entry of a method table for a function that calls args_bind(). */
#define ARGS_METHOD(name, function, doc)                                      \
    {name, (PyCFunction)(void (*)(void))(function),                           \
     METH_FASTCALL | METH_KEYWORDS, doc}

/* The signature of a method, without self. */
struct args_signature {
    const char *method;          /* "POP3.retr" */
    const char *names[ARGS_MAX]; /* NULL behind the last one */
    Py_ssize_t required;         /* the first ones have no default */
    Py_ssize_t keyword_only;     /* the last ones */
};

/* Binds a METH_FASTCALL | METH_KEYWORDS call; values[i] is borrowed, or NULL
   if the argument was not given.  -1 and TypeError. */
int args_bind(const struct args_signature *signature, PyObject *const *args,
              Py_ssize_t nargs, PyObject *kwnames, PyObject **values);

/* Octets of the option `name`: a positive int, or None for
 * POP_UNLIMITED_OCTETS. */
int args_limit(const char *name, PyObject *value, size_t *limit);

/* The buffer size that an int stands for: too large is clipped, negative is
   0.  -1 and TypeError. */
int args_octets(PyObject *value, size_t *octets);

#endif
