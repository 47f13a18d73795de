#include "binding/commands/stat_capa.h"

#include "binding/base/errors.h"
#include "binding/client/debug.h"

/* --- STAT --------------------------------------------------------------- */

/* Raises error_proto(text) with the pending exception as its context. */
static void
replace_exception(POP3Object *self, const char *text)
{
    PyObject *pending = PyErr_GetRaisedException();
    struct errors_handling before;

    errors_handle(&before, pending);
    errors_raise_proto(self->state, text);
    errors_handled(&before);
    Py_DECREF(pending);
}

/* (int(fields[1]), int(fields[2])) */
static PyObject *
stat_numbers(PyObject *fields)
{
    PyObject *numbers = PyTuple_New(2);
    Py_ssize_t i;

    if (numbers == NULL) {
        return NULL;
    }
    for (i = 0; i < 2; i++) {
        PyObject *field = PySequence_GetItem(fields, i + 1);
        PyObject *number = field == NULL ? NULL : PyNumber_Long(field);

        Py_XDECREF(field);
        if (number == NULL) {
            Py_DECREF(numbers);
            return NULL;
        }
        PyTuple_SET_ITEM(numbers, i, number);
    }
    return numbers;
}

static PyObject *
stat_fields(POP3Object *self, PyObject *fields)
{
    Py_ssize_t count = PySequence_Size(fields);
    PyObject *numbers;
    int on;

    if (count < 0) {
        return NULL;
    }
    on = debug_is_on(self);
    if (on < 0 || (on > 0 && debug_print("*stat*", fields) < 0)) {
        return NULL;
    }
    /* More fields may follow the two numbers (RFC 1939, section 5). */
    if (count < 3) {
        errors_raise_proto(self->state, "Invalid STAT response format");
        return NULL;
    }
    numbers = stat_numbers(fields);
    if (numbers == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        replace_exception(self,
                          "Invalid STAT response data: non-numeric values");
    }
    return numbers;
}

PyObject *
stat_capa_stat(POP3Object *self, PyObject *response)
{
    PyObject *fields;
    PyObject *numbers;

    fields = PyObject_CallMethodNoArgs(response, self->state->name.split);
    if (fields == NULL) {
        return NULL;
    }
    numbers = stat_fields(self, fields);
    Py_DECREF(fields);
    return numbers;
}

/* --- CAPA --------------------------------------------------------------- */

/* Adds {name: [argument, ...]} for a capability line, unless it is blank. */
static int
add_capability(POP3Object *self, PyObject *capabilities, PyObject *line)
{
    PyObject *text;
    PyObject *words;
    PyObject *arguments = NULL;
    int failed = -1;

    text = PyObject_CallMethod(line, "decode", "ss", "ascii",
                               "surrogateescape");
    if (text == NULL) {
        return -1;
    }
    words = PyObject_CallMethodNoArgs(text, self->state->name.split);
    Py_DECREF(text);
    if (words == NULL) {
        return -1;
    }
    if (PyList_Check(words) && PyList_GET_SIZE(words) == 0) {
        Py_DECREF(words);
        return 0;
    }
    arguments = PySequence_GetSlice(words, 1, PY_SSIZE_T_MAX);
    if (arguments != NULL) {
        PyObject *name = PySequence_GetItem(words, 0);

        if (name != NULL) {
            failed = PyObject_SetItem(capabilities, name, arguments);
            Py_DECREF(name);
        }
        Py_DECREF(arguments);
    }
    Py_DECREF(words);
    return failed;
}

PyObject *
stat_capa_capa(POP3Object *self, PyObject *reply)
{
    PyObject *capabilities = NULL;
    PyObject *lines = PySequence_GetItem(reply, 1);
    PyObject *iterator = lines == NULL ? NULL : PyObject_GetIter(lines);
    PyObject *line;

    Py_XDECREF(lines);
    if (iterator == NULL) {
        return NULL;
    }
    capabilities = PyDict_New();
    while (capabilities != NULL && (line = PyIter_Next(iterator)) != NULL) {
        if (add_capability(self, capabilities, line) < 0) {
            Py_CLEAR(capabilities);
        }
        Py_DECREF(line);
    }
    Py_DECREF(iterator);
    if (PyErr_Occurred()) {
        Py_CLEAR(capabilities);
    }
    return capabilities;
}

void
stat_capa_capa_failed(POP3Object *self)
{
    if (errors_is_refusal(self->state)) {
        replace_exception(self, "-ERR CAPA not supported by server");
    }
}
