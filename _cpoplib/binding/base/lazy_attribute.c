#include "binding/base/lazy_attribute.h"

#include "binding/base/heap_type.h"

typedef struct {
    PyObject_HEAD
    struct module_state *state; /* borrowed from the type's module */
    lazy_attribute_compute compute;
} LazyObject;

#define LAZY(op) ((LazyObject *)(op))

static PyObject *
lazy_attribute_get(PyObject *op, PyObject *instance, PyObject *owner)
{
    LazyObject *self = LAZY(op);

    if (owner == NULL) {
        owner = (PyObject *)Py_TYPE(instance);
    }
    return self->compute(self->state, instance, (PyTypeObject *)owner);
}

static int
lazy_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return 0;
}

static void
lazy_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(lazy_doc,
"A class attribute that is computed when it is asked for.");

static PyType_Slot lazy_slots[] = {
    {Py_tp_doc, (void *)lazy_doc},         {Py_tp_new, heap_type_refuse_new},
    {Py_tp_descr_get, lazy_attribute_get}, {Py_tp_traverse, lazy_traverse},
    {Py_tp_dealloc, lazy_dealloc},         {0, NULL},
};

static PyType_Spec lazy_spec = {
    .name = "poplib_c._LazyAttribute",
    .basicsize = sizeof(LazyObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = lazy_slots,
};

PyTypeObject *
lazy_attribute_new_type(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &lazy_spec, NULL);
}

int
lazy_attribute_add(struct module_state *state, PyTypeObject *type,
                   const char *name, lazy_attribute_compute compute)
{
    PyTypeObject *lazy_attribute_type = state->lazy_attribute_type;
    PyObject *self = lazy_attribute_type->tp_alloc(lazy_attribute_type, 0);
    int failed;

    if (self == NULL) {
        return -1;
    }
    LAZY(self)->state = state;
    LAZY(self)->compute = compute;
    failed = PyObject_SetAttrString((PyObject *)type, name, self);
    Py_DECREF(self);
    return failed;
}
