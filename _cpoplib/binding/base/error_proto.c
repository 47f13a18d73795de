#include "binding/base/error_proto.h"

#include <string.h>

#include "binding/base/errors.h"
#include "binding/base/lazy_attribute.h"
#include "core/proto/scan.h"

PyDoc_STRVAR(error_proto_doc,
"A reply that is an error, or that is no reply.\n"
"\n"
"args[0] is bytes for what the server said (b'-ERR no such message') and str\n"
"for what the client found ('-ERR EOF', 'line too long').\n"
"OSError from sockets passes through and is never turned into error_proto.\n"
"\n"
"response: what the server said, bytes, or None.\n"
"code: its response code in upper case (RFC 2449, section 8; RFC 3206), str\n"
"without the brackets: 'AUTH', 'IN-USE', 'LOGIN-DELAY', 'SYS/TEMP',\n"
"'SYS/PERM' or another; None without one.\n"
"temporary: whether that code says that it may work later: 'IN-USE',\n"
"'LOGIN-DELAY', 'SYS/TEMP'.\n"
"number: the message whose end can't be told, since commands were sent ahead\n"
"of its reply, int; else None.  The messages before it are right.  Fetch it\n"
"alone, over a new connection, by retr_bytes() or top_bytes(): retr() and\n"
"top() end a message where poplib does.");

/* Sets *line to args[0] if that is bytes, the server's line (new reference);
   else to NULL.  Returns -1 only for MemoryError and RecursionError: `args` of
   a subclass may raise anything. */
static int
get_server_line(PyObject *instance, PyObject **line)
{
    PyObject *args;

    *line = NULL;
    if (instance == NULL) {
        return 0;
    }
    args = PyObject_GetAttrString(instance, "args");
    if (args == NULL) {
        return PyErr_ExceptionMatches(PyExc_MemoryError) ||
                       PyErr_ExceptionMatches(PyExc_RecursionError)
                   ? -1
                   : errors_clear(PyExc_Exception);
    }
    if (PyTuple_Check(args) && PyTuple_GET_SIZE(args) > 0 &&
        PyBytes_Check(PyTuple_GET_ITEM(args, 0))) {
        *line = Py_NewRef(PyTuple_GET_ITEM(args, 0));
    }
    Py_DECREF(args);
    return 0;
}

/* Copies the response code (RFC 2449, section 8) in upper case, with a NUL.
   Returns `code`, or NULL if there is none that fits. */
static char *
find_code(PyObject *line, char *code, size_t room)
{
    const char *bytes = PyBytes_AS_STRING(line);
    struct pop_span span = pop_scan_code(bytes,
                                         (size_t)PyBytes_GET_SIZE(line));
    size_t i;

    if (span.length == 0 || span.length >= room) {
        return NULL;
    }
    for (i = 0; i < span.length; i++) {
        code[i] = (char)Py_TOUPPER(bytes[span.offset + i]);
    }
    code[i] = '\0';
    return code;
}

/* The default _MAXLINE; a longer code counts as none. */
#define CODE_ROOM 2048

static PyObject *
get_response(struct module_state *Py_UNUSED(state), PyObject *instance,
             PyTypeObject *Py_UNUSED(owner))
{
    PyObject *line;

    if (get_server_line(instance, &line) < 0) {
        return NULL;
    }
    return line == NULL ? Py_NewRef(Py_None) : line;
}

/* Returns 1 if the server's line has a response code, 0 if not, -1 and an
   exception. */
static int
get_code_of(PyObject *instance, char *code, size_t room)
{
    PyObject *line;
    int found;

    if (get_server_line(instance, &line) < 0) {
        return -1;
    }
    found = line != NULL && find_code(line, code, room) != NULL;
    Py_XDECREF(line);
    return found;
}

static PyObject *
get_code(struct module_state *Py_UNUSED(state), PyObject *instance,
         PyTypeObject *Py_UNUSED(owner))
{
    char code[CODE_ROOM];
    int found = get_code_of(instance, code, sizeof(code));

    if (found < 0) {
        return NULL;
    }
    return found ? PyUnicode_FromString(code) : Py_NewRef(Py_None);
}

static bool
is_temporary(const char *code)
{
    static const char *const codes[] = {"IN-USE", "LOGIN-DELAY", "SYS/TEMP"};
    size_t i;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(code, codes[i]) == 0) {
            return true;
        }
    }
    return false;
}

static PyObject *
get_temporary(struct module_state *Py_UNUSED(state), PyObject *instance,
              PyTypeObject *Py_UNUSED(owner))
{
    char code[CODE_ROOM];
    int found = get_code_of(instance, code, sizeof(code));

    return found < 0 ? NULL : PyBool_FromLong(found && is_temporary(code));
}

PyObject *
error_proto_new_type(struct module_state *state)
{
    PyObject *type = PyErr_NewExceptionWithDoc("poplib_c.error_proto",
                                               error_proto_doc, NULL, NULL);

    if (type == NULL) {
        return NULL;
    }
    if (lazy_attribute_add(state, (PyTypeObject *)type, "code", get_code) <
            0 ||
        lazy_attribute_add(state, (PyTypeObject *)type, "temporary",
                           get_temporary) < 0 ||
        lazy_attribute_add(state, (PyTypeObject *)type, "response",
                           get_response) < 0 ||
        PyObject_SetAttrString(type, "number", Py_None) < 0) {
        Py_CLEAR(type);
    }
    return type;
}
