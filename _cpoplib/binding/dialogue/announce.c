#include "binding/dialogue/announce.h"

#include "binding/client/debug.h"
#include "binding/client/log.h"

static bool
is_utf8(PyObject *encoding)
{
    return PyUnicode_CheckExact(encoding) &&
           PyUnicode_CompareWithASCIIString(encoding, "UTF-8") == 0;
}

PyObject *
announce_bytes(struct module_state *state, PyObject *client, PyObject *line)
{
    PyObject *encoding = PyObject_GetAttr(client, state->name.encoding);
    PyObject *bytes;

    if (encoding == NULL) {
        return NULL;
    }
    if (PyUnicode_CheckExact(line) && is_utf8(encoding)) {
        bytes = announce_utf8(state, line);
    }
    else {
        bytes = announce_check(
            state, line,
            PyObject_CallFunctionObjArgs((PyObject *)&PyBytes_Type, line,
                                         encoding, NULL));
    }
    Py_DECREF(encoding);
    return bytes;
}

PyObject *
announce_encode(POP3Object *self, PyObject *line)
{
    return pop3_check_rest(self) < 0 || debug_command(self, line) < 0
               ? NULL
               : announce_bytes(self->state, (PyObject *)self, line);
}

int
announce_line(POP3Object *self, PyObject *line, bool plain)
{
    if (read_ahead_note_line(&self->ahead, line) < 0 ||
        (!plain && debug_sent(self, line) < 0) ||
        PySys_Audit("poplib.putline", "OO", self, line) < 0) {
        return -1;
    }
    return plain ? 0 : log_command(self, line);
}

PyObject *
announce_command(POP3Object *self, PyObject *line)
{
    PyObject *bytes = announce_encode(self, line);

    if (bytes != NULL && announce_line(self, bytes, false) < 0) {
        Py_CLEAR(bytes);
    }
    return bytes;
}

int
announce_is_plain(POP3Object *self)
{
    int on = debug_is_on(self);
    PyObject *encoding;
    int plain;

    if (on < 0 || log_begin(self) < 0) {
        return -1;
    }
    if (on > 0 || self->is_logged) {
        return 0;
    }
    encoding = PyObject_GetAttr((PyObject *)self, self->state->name.encoding);
    if (encoding == NULL) {
        return -1;
    }
    plain = is_utf8(encoding);
    Py_DECREF(encoding);
    return plain;
}
