/* Binds the arguments of METH_FASTCALL methods.  Raises TypeError with the
   texts that the interpreter uses for Python functions, as in poplib.  Calls
   guard. */

#ifndef BINDING_ARGS_H
#define BINDING_ARGS_H

#include <stdbool.h>

#include "binding/base/guard.h"
#include "binding/base/pycompat.h"

#define ARGS_MAX 12

/* A PyMethodDef entry of a function that calls args_bind(). */
#define ARGS_METHOD(name, function, doc)                                      \
    {name, (PyCFunction)(void (*)(void))(function),                           \
     METH_FASTCALL | METH_KEYWORDS, doc}

/* Defines a docstring: the signature, which help() and inspect read, and the
   text. */
#define ARGS_DOC(name, signature, text)                                       \
    PyDoc_STRVAR(name, signature "\n--\n\n" text)

/* The signature of a method, without self. */
struct args_signature {
    const char *method;          /* "POP3.retr" */
    const char *names[ARGS_MAX]; /* then NULL */
    Py_ssize_t required;         /* names without a default, at the start */
    Py_ssize_t keyword_only;     /* names at the end */
};

/* Defines the C function of a function of the module: binds its arguments by
   the signature, whose fields follow, and returns `call`, an expression of
   `op` (the module) and values[]. */
#define ARGS_MODULE_FUNCTION(function, call, ...)                             \
    static PyObject *function(PyObject *op, PyObject *const *args,            \
                              Py_ssize_t nargs, PyObject *kwnames)            \
    {                                                                         \
        static const struct args_signature signature = {__VA_ARGS__};         \
        PyObject *values[ARGS_MAX];                                           \
                                                                              \
        return args_bind(&signature, args, nargs, kwnames, values) < 0        \
                   ? NULL                                                     \
                   : (call);                                                  \
    }                                                                         \
    struct args_signature

/* Does what ARGS_MODULE_FUNCTION() does, for a method of a guarded object:
   `op` is self, and `call` is computed inside the guard's section. */
#define ARGS_FUNCTION(function, call, ...)                                    \
    GUARD_FUNCTION(PyObject *, function##_inside,                             \
                   (PyObject * op, PyObject * *values),                       \
                   ((void)values, (call)));                                   \
    ARGS_MODULE_FUNCTION(function, function##_inside(op, values), __VA_ARGS__)

/* Stores borrowed references in values[], NULL for arguments not given.
   Returns -1 and raises TypeError if the call does not fit. */
int args_bind(const struct args_signature *signature, PyObject *const *args,
              Py_ssize_t nargs, PyObject *kwnames, PyObject **values);

/* Returns whether the argument is left out: NULL, or the text that the
   signature shows for its default (see poplib_c/_options.py). */
static inline bool
args_is_default(PyObject *value, const char *shown)
{
    return value == NULL ||
           (PyUnicode_Check(value) &&
            PyUnicode_CompareWithASCIIString(value, shown) == 0);
}

/* Returns None for NULL, an argument that is left out; borrowed. */
static inline PyObject *
args_or_none(PyObject *value)
{
    return value == NULL ? Py_None : value;
}

/* Returns the result of a method that has none: None, or NULL, with the
   exception, if it has failed. */
static inline PyObject *
args_none(bool failed)
{
    return failed ? NULL : Py_NewRef(Py_None);
}

/* Converts an int to a buffer size; clips it to 0 .. PY_SSIZE_T_MAX.  Returns
   -1 and raises TypeError. */
int args_octets(PyObject *value, size_t *octets);

#endif
