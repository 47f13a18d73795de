#include "binding/client/debug.h"

#include "binding/client/log.h"
#include "binding/client/redact.h"

int
debug_is_on(POP3Object *self)
{
    PyObject *level;
    int on;

    level = PyObject_GetAttr((PyObject *)self, self->state->name.debugging);
    if (level == NULL) {
        return -1;
    }
    on = PyObject_IsTrue(level);
    Py_DECREF(level);
    return on;
}

static int
is_over_one(PyObject *level)
{
    PyObject *one = PyLong_FromLong(1);
    int over;

    if (one == NULL) {
        return -1;
    }
    over = PyObject_RichCompareBool(level, one, Py_GT);
    Py_DECREF(one);
    return over;
}

int
debug_is_verbose(POP3Object *self)
{
    PyObject *level;
    int over;

    level = PyObject_GetAttr((PyObject *)self, self->state->name.debugging);
    if (level == NULL) {
        return -1;
    }
    over = is_over_one(level);
    Py_DECREF(level);
    return over;
}

int
debug_print(const char *tag, PyObject *object)
{
    PyObject *builtins = PyImport_ImportModule("builtins");
    PyObject *repr = NULL;
    PyObject *result = NULL;

    if (builtins == NULL) {
        return -1;
    }
    repr = PyObject_Repr(object);
    if (repr != NULL) {
        result = PyObject_CallMethod(builtins, "print", "sO", tag, repr);
    }
    Py_DECREF(builtins);
    Py_XDECREF(repr);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* debug_print(), which steals the object. */
static int
print_made(const char *tag, PyObject *object)
{
    int failed = object == NULL ? -1 : debug_print(tag, object);

    Py_XDECREF(object);
    return failed;
}

/* What poplib has is printed as it is; auth() is not among that. */
static PyObject *
shown_command(POP3Object *self, PyObject *line)
{
    return self->progress.sasl == SASL_NONE
               ? Py_NewRef(line)
               : redact_command(line, self->progress.sasl == SASL_CHALLENGED);
}

int
debug_command(POP3Object *self, PyObject *line)
{
    int on = debug_is_on(self);

    if (on > 0 && print_made("*cmd*", shown_command(self, line)) < 0) {
        redact_unicode_error(line, REDACT_NOT_PRINTED);
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
                               : redact_status(line));
}

int
debug_status(POP3Object *self, PyObject *line)
{
    int failed = debug_received(self, "*resp*", line);

    return failed < 0 ? failed : log_status(self, line);
}

int
debug_audit_connect(POP3Object *self, PyObject *host, PyObject *port)
{
    return PySys_Audit("poplib.connect", "OOO", self, host, port);
}

int
debug_audit_putline(POP3Object *self, PyObject *line)
{
    return PySys_Audit("poplib.putline", "OO", self, line);
}

int
debug_audit_putline_made(POP3Object *self, PyObject *(*make)(void *),
                         void *context)
{
    return PySys_Audit("poplib.putline", "OO&", self, make, context);
}
