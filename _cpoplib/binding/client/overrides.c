#include "binding/client/overrides.h"

/* --- one by one --------------------------------------------------------- */

static int
is_own(POP3Object *self, enum hook hook)
{
    struct module_state *state = self->state;
    PyTypeObject *type = Py_TYPE(self);
    PyObject *name = state->hook_name[hook];
    PyObject *found;
    int shadowed;

    /* The class has __getattribute__ or __getattr__. */
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

int
overrides_are_own(POP3Object *self, hook_set hooks)
{
    int own = 1;
    int i;

    for (i = 0; own > 0 && i < HOOK_COUNT; i++) {
        if ((hooks & HOOK_SET(i)) != 0) {
            own = is_own(self, (enum hook)i);
        }
    }
    return own;
}

/* --- at a glance -------------------------------------------------------- */

static bool
class_has(PyTypeObject *type, PyObject *name, PyObject *wanted)
{
    PyObject *found = pycompat_lookup(type, name);

    Py_XDECREF(found);
    return found == wanted;
}

/* Returns whether an attribute of the instance takes precedence: the class has
   no data descriptor of that name. */
static bool
class_gives_way(PyTypeObject *type, PyObject *name)
{
    PyObject *found = pycompat_lookup(type, name);
    bool gives_way = found == NULL || Py_TYPE(found)->tp_descr_set == NULL;

    Py_XDECREF(found);
    return gives_way;
}

static bool
class_is_plain(struct module_state *state, PyTypeObject *type, hook_set hooks)
{
    int i;

    for (i = 0; i < HOOK_COUNT; i++) {
        if ((hooks & HOOK_SET(i)) != 0 &&
            !class_has(type, state->hook_name[i], state->own_hook[i])) {
            return false;
        }
    }
    return class_has(type, state->name.encoding, state->own_encoding) &&
           class_gives_way(type, state->name.sock) &&
           class_gives_way(type, state->name.file) &&
           class_gives_way(type, state->name.debugging);
}

/* Returns whether the key of an instance's __dict__ is certain to be neither a
   hook's name nor "encoding".  Compares pointers: equal interned strings are
   one object. */
static bool
is_harmless(struct module_state *state, PyObject *key)
{
    bool harmless = PyUnicode_CheckExact(key) &&
                    PyUnicode_CHECK_INTERNED(key) &&
                    key != state->name.encoding;
    int i;

    for (i = 0; i < HOOK_COUNT; i++) {
        harmless = harmless && key != state->hook_name[i];
    }
    return harmless;
}

/* Needs the dict's critical section. */
static bool
dict_is_plain(struct module_state *state, PyObject *dict,
              struct overrides_view *view)
{
    Py_ssize_t position = 0;
    PyObject *key;
    PyObject *value;

    while (PyDict_Next(dict, &position, &key, &value)) {
        if (key == state->name.sock) {
            view->sock = value;
        }
        else if (key == state->name.file) {
            view->file = value;
        }
        else if (key == state->name.debugging) {
            view->debugging = value;
        }
        else if (!is_harmless(state, key)) {
            return false;
        }
    }
    return view->sock != NULL && view->file != NULL && view->debugging != NULL;
}

static bool
instance_is_plain(POP3Object *self, struct overrides_view *view)
{
    struct overrides_view seen = {NULL, NULL, NULL};
    PyObject *dict = pop3_get_dict(self);
    bool plain = false;

    if (dict != NULL) {
        Py_BEGIN_CRITICAL_SECTION(dict);
        plain = dict_is_plain(self->state, dict, &seen);
        if (plain) {
            view->sock = Py_NewRef(seen.sock);
            view->file = Py_NewRef(seen.file);
            view->debugging = Py_NewRef(seen.debugging);
        }
        Py_END_CRITICAL_SECTION();
        Py_DECREF(dict);
    }
    return plain;
}

bool
overrides_are_plain(POP3Object *self, hook_set hooks,
                    struct overrides_view *view)
{
    PyTypeObject *type = Py_TYPE(self);

    return type->tp_getattro == PyObject_GenericGetAttr &&
           class_is_plain(self->state, type, hooks) &&
           instance_is_plain(self, view);
}

void
overrides_release(struct overrides_view *view)
{
    Py_DECREF(view->sock);
    Py_DECREF(view->file);
    Py_DECREF(view->debugging);
}

/* --- called ------------------------------------------------------------- */

bool
overrides_call(POP3Object *self, enum hook hook, PyObject *argument,
               PyObject **result)
{
    int own = is_own(self, hook);

    *result = own != 0
                  ? NULL
                  : PyObject_CallMethodObjArgs((PyObject *)self,
                                               self->state->hook_name[hook],
                                               argument, NULL);
    return own <= 0;
}
