#include "binding/client/debug.h"

#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/client/log.h"
#include "binding/client/redact.h"

/* Returns whether self._debugging > level: 1, 0 or -1; whether it is true if
   `level` is NULL. */
static int
is_above(POP3Object *self, PyObject *level)
{
    PyObject *debugging = PyObject_GetAttr((PyObject *)self,
                                           self->state->name.debugging);
    int is;

    if (debugging == NULL) {
        return -1;
    }
    is = level == NULL ? PyObject_IsTrue(debugging)
                       : PyObject_RichCompareBool(debugging, level, Py_GT);
    Py_DECREF(debugging);
    return is;
}

int
debug_is_on(POP3Object *self)
{
    return is_above(self, NULL);
}

int
debug_is_verbose(POP3Object *self)
{
    PyObject *one = PyLong_FromLong(1);
    int is = one == NULL ? -1 : is_above(self, one);

    Py_XDECREF(one);
    return is;
}

/* Calls print(tag, repr(object)); steals the object. */
static int
print_made(const char *tag, PyObject *object)
{
    PyObject *repr = object == NULL ? NULL : PyObject_Repr(object);
    PyObject *result = NULL;

    if (repr != NULL) {
        result = package_call("builtins", "print", "(sN)", tag, repr);
    }
    Py_XDECREF(object);
    return errors_drop_result(result);
}

/* Returns the line as printed: poplib's commands unchanged, secrets of auth()
   masked. */
static PyObject *
shown_command(POP3Object *self, PyObject *line)
{
    return self->progress.sasl == SASL_NONE
               ? Py_NewRef(line)
               : redact_command(self->state, line,
                                self->progress.sasl == SASL_CHALLENGED);
}

int
debug_command(POP3Object *self, PyObject *line)
{
    int on = debug_is_on(self);

    if (on > 0 && print_made("*cmd*", shown_command(self, line)) < 0) {
        redact_unicode_error(self->state, line, REDACT_NOT_PRINTED);
        on = -1;
    }
    return on < 0 ? -1 : 0;
}

int
debug_sent(POP3Object *self, PyObject *line)
{
    int verbose = debug_is_verbose(self);

    return verbose > 0 ? print_made("*put*", shown_command(self, line))
                       : verbose;
}

int
debug_received(POP3Object *self, const char *tag, PyObject *line)
{
    int verbose = debug_is_verbose(self);

    if (verbose <= 0) {
        return verbose;
    }
    return print_made(tag, self->progress.sasl == SASL_NONE
                               ? Py_NewRef(line)
                               : redact_status(self->state, line));
}

int
debug_status(POP3Object *self, PyObject *line)
{
    int failed = debug_received(self, "*resp*", line);

    return failed < 0 ? failed : log_status(self, line);
}
