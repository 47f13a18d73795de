#include "binding/hooks.h"

int
hook_is_own(POP3Object *self, enum hook hook)
{
    struct module_state *state = self->state;
    PyTypeObject *type = Py_TYPE(self);
    PyObject *name = state->hook_name[hook];
    PyObject *found;
    int shadowed;

    /* A class with __getattribute__ or __getattr__ decides for itself. */
    if (type->tp_getattro != PyObject_GenericGetAttr) {
        return 0;
    }
    found = pycompat_lookup(type, name);
    Py_XDECREF(found);
    if (found != state->own_hook[hook]) {
        return 0;
    }
    shadowed = pop3_dict_has(self, name);
    return shadowed < 0 ? -1 : !shadowed;
}

PyObject *
hook_call(POP3Object *self, enum hook hook, PyObject *argument)
{
    return PyObject_CallMethodObjArgs(
        (PyObject *)self, self->state->hook_name[hook], argument, NULL);
}
