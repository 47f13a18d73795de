#include "binding/client/log.h"

#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/client/redact.h"

/* logging.DEBUG, documented to be 10. */
#define LEVEL_DEBUG 10L

/* --- the logger --------------------------------------------------------- */

/* Calls logging.getLogger("poplib_c") of the given module.  Returns a new
   reference; NULL, without an exception if logging is still being imported. */
static PyObject *
get_logger(struct module_state *state, PyObject *logging)
{
    PyObject *before[2];
    PyObject *logger = NULL;
    bool is_known;

    Py_BEGIN_CRITICAL_SECTION(state->module);
    is_known = state->logging == logging;
    if (is_known) {
        logger = Py_XNewRef(state->logger);
    }
    Py_END_CRITICAL_SECTION();
    if (is_known) {
        return logger;
    }
    logger = PyObject_CallMethod(logging, "getLogger", "O",
                                 state->name.package);
    if (logger == NULL) {
        (void)errors_clear(PyExc_AttributeError);
        return NULL;
    }
    Py_BEGIN_CRITICAL_SECTION(state->module);
    before[0] = state->logger;
    before[1] = state->logging;
    state->logger = Py_NewRef(logger);
    state->logging = Py_NewRef(logging);
    Py_END_CRITICAL_SECTION();
    Py_XDECREF(before[0]);
    Py_XDECREF(before[1]);
    return logger;
}

/* Returns the logger (new reference) if logging was imported; else NULL,
   perhaps with an exception. */
static PyObject *
known_logger(struct module_state *state)
{
    PyObject *logging = NULL;
    PyObject *logger = NULL;

    if (state->modules != NULL) {
        (void)PyDict_GetItemRef(state->modules, state->name.logging, &logging);
    }
    if (logging != NULL && logging != Py_None) {
        logger = get_logger(state, logging);
    }
    Py_XDECREF(logging);
    return logger;
}

/* Returns the logger (new reference) if it takes debug messages; else NULL,
   perhaps with an exception. */
static PyObject *
wanted_logger(struct module_state *state)
{
    PyObject *logger = known_logger(state);
    PyObject *level;
    PyObject *enabled = NULL;
    int is = 0;

    level = logger == NULL ? NULL : PyLong_FromLong(LEVEL_DEBUG);
    if (level != NULL) {
        enabled = PyObject_CallMethodObjArgs(
            logger, state->name.is_enabled_for, level, NULL);
    }
    if (enabled != NULL) {
        is = PyObject_IsTrue(enabled);
    }
    Py_XDECREF(level);
    Py_XDECREF(enabled);
    if (is <= 0) {
        Py_CLEAR(logger);
    }
    return logger;
}

/* --- records ------------------------------------------------------------ */

/* Calls logger.debug(format, text); steals the text. */
static int
tell(PyObject *logger, const char *format, PyObject *text)
{
    PyObject *result = NULL;

    if (text != NULL) {
        result = PyObject_CallMethod(logger, "debug", "sO", format, text);
        Py_DECREF(text);
    }
    return errors_drop_result(result);
}

int
log_begin(POP3Object *self)
{
    PyObject *logger = wanted_logger(self->state);

    self->is_logged = logger != NULL;
    Py_XDECREF(logger);
    return PyErr_Occurred() ? -1 : 0;
}

/* Returns the text of a record: the line with its secrets masked. */
static PyObject *
shown_command(POP3Object *self, PyObject *line)
{
    bool response = self->progress.is_challenged ||
                    self->progress.sasl == SASL_CHALLENGED;

    return package_call_own(self->state, self->state->name.redact,
                            "logged_command", "(OO)", line,
                            response ? Py_True : Py_False);
}

int
log_command(POP3Object *self, PyObject *line)
{
    PyObject *logger = wanted_logger(self->state);
    int failed = 0;

    self->is_logged = logger != NULL;
    if (logger != NULL) {
        failed = tell(logger, "C: %s", shown_command(self, line));
        Py_DECREF(logger);
    }
    else if (PyErr_Occurred()) {
        failed = -1;
    }
    /* The status line may be read by hand: assume a challenge until then. */
    if (redact_is_auth(line)) {
        progress_challenged(&self->progress, true);
    }
    return failed;
}

int
log_tell_status(POP3Object *self, PyObject *line)
{
    PyObject *logger;
    PyObject *shown;
    int failed;

    Py_BEGIN_CRITICAL_SECTION(self->module);
    logger = Py_XNewRef(self->state->logger);
    Py_END_CRITICAL_SECTION();
    if (logger == NULL || !PyBytes_Check(line)) {
        Py_XDECREF(logger);
        return 0;
    }
    shown = package_call_own(self->state, self->state->name.redact,
                             "logged_status", "(OO)", line,
                             redact_is_challenge(line) ? Py_True : Py_False);
    failed = tell(logger, "S: %s", shown);
    Py_DECREF(logger);
    return failed;
}

/* --- handlers that use the connection ------------------------------------ */

int
log_check_outside(POP3Object *self)
{
    /* Checked even if the logger is disabled: some versions of logging disable
       all loggers inside a handler. */
    PyObject *logger = known_logger(self->state);
    int inside;

    if (logger == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    inside = errors_drop_truth(
        package_call("poplib_c._log", "is_inside_handler", "(N)", logger));
    if (inside > 0) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the connection is in use by a thread that may wait "
                        "for this one's logging handler");
    }
    return inside == 0 ? 0 : -1;
}
