/* Shims for CPython 3.9 to 3.15, included by every file of the binding.  Only
   this file uses private names of CPython:

   _PyType_Lookup      before 3.13;
   _PyType_LookupRef   3.13 to 3.15; a public replacement would search
                       PyType_GetDict() of each class of __mro__;
   _Py_IsFinalizing    before 3.13, which has Py_IsFinalizing();
   _cs_mutex           free-threaded: see pycompat_section_is_of();
   structmember.h      before 3.12, where Python.h has it with Py_ names. */

#ifndef BINDING_PYCOMPAT_H
#define BINDING_PYCOMPAT_H

#include <stdbool.h>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Not before Python.h, which says what system headers declare. */
#include <stdatomic.h>

#if PY_VERSION_HEX < 0x030a0000

static inline PyObject *
Py_NewRef(PyObject *object)
{
    Py_INCREF(object);
    return object;
}

static inline PyObject *
Py_XNewRef(PyObject *object)
{
    Py_XINCREF(object);
    return object;
}

#endif

#if PY_VERSION_HEX < 0x030c0000

#include <structmember.h>

#define Py_T_BOOL T_BOOL
#define Py_T_OBJECT_EX T_OBJECT_EX
#define Py_T_PYSSIZET T_PYSSIZET
#define Py_READONLY READONLY

/* Clears the pending exception; returns it normalised, or NULL. */
static inline PyObject *
PyErr_GetRaisedException(void)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) {
        return NULL;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        (void)PyException_SetTraceback(value, traceback);
    }
    Py_DECREF(type);
    Py_XDECREF(traceback);
    return value;
}

/* Steals the exception, which may be NULL. */
static inline void
PyErr_SetRaisedException(PyObject *exception)
{
    if (exception == NULL) {
        PyErr_Clear();
        return;
    }
    PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(exception)), exception,
                  PyException_GetTraceback(exception));
}

#endif

#if PY_VERSION_HEX < 0x030d0000

#define Py_IsFinalizing _Py_IsFinalizing

/* 1 and the attribute, 0 and NULL if there is none, -1 and an exception. */
static inline int
PyObject_GetOptionalAttr(PyObject *object, PyObject *name, PyObject **value)
{
    *value = PyObject_GetAttr(object, name);
    if (*value != NULL) {
        return 1;
    }
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

/* 1 and the value, 0 and NULL if there is no such key, -1 and an exception. */
static inline int
PyDict_GetItemRef(PyObject *dict, PyObject *key, PyObject **value)
{
    *value = Py_XNewRef(PyDict_GetItemWithError(dict, key));
    if (*value != NULL) {
        return 1;
    }
    return PyErr_Occurred() ? -1 : 0;
}

static inline PyObject *
PyList_GetItemRef(PyObject *list, Py_ssize_t index)
{
    return Py_XNewRef(PyList_GetItem(list, index));
}

/* The GIL is the critical section. */
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#define Py_BEGIN_CRITICAL_SECTION2(one, other) {
#define Py_END_CRITICAL_SECTION2() }

#endif

#ifdef Py_GIL_DISABLED

/* A critical section of the thread; the lowest bits of the tag say that it is
   not held now, and that it is one of two objects. */
#define PYCOMPAT_SECTION(tag)                                                 \
    ((const PyCriticalSection2 *)((tag) & ~(uintptr_t)3))

/* Returns whether that section, which is not NULL, is held, and the
   object's. */
static inline bool
pycompat_section_is_of(uintptr_t tag, PyObject *object)
{
    const PyCriticalSection2 *section = PYCOMPAT_SECTION(tag);

    return (tag & 1) == 0 &&
           (section->_cs_base._cs_mutex == &object->ob_mutex ||
            ((tag & 2) != 0 && section->_cs_mutex2 == &object->ob_mutex));
}

#endif

/* Returns whether the calling thread is inside the object's critical section,
   and that is its innermost one.  Always true with the GIL, which is every
   object's section; and from 3.14 on, where nobody needs to know. */
static inline bool
pycompat_is_inside(PyObject *object)
{
#if !defined(Py_GIL_DISABLED) || PY_VERSION_HEX >= 0x030e0000
    (void)object;
    return true;
#else
    uintptr_t innermost = PyThreadState_Get()->critical_section;

    return innermost != 0 && pycompat_section_is_of(innermost, object);
#endif
}

#ifdef Py_GIL_DISABLED

/* Frees the object's critical section, which a thread may have held that is no
   more, unless the calling thread is inside. */
static inline void
pycompat_free_section(PyObject *object)
{
    uintptr_t tag = PyThreadState_Get()->critical_section;

    /* A section that is not held now ends the chain of those that are. */
    while (tag != 0 && (tag & 1) == 0) {
        if (pycompat_section_is_of(tag, object)) {
            return;
        }
        tag = PYCOMPAT_SECTION(tag)->_cs_base._cs_prev;
    }
    object->ob_mutex = (PyMutex){0};
}

#endif

/* Finds an attribute of a class as its instances do: searches __mro__, not the
   metaclass, and does not bind.  Returns a new reference, or NULL without an
   exception. */
static inline PyObject *
pycompat_lookup(PyTypeObject *type, PyObject *name)
{
#if PY_VERSION_HEX < 0x030d0000
    return Py_XNewRef(_PyType_Lookup(type, name));
#else
    return _PyType_LookupRef(type, name);
#endif
}

#endif
