#include "binding/base/package.h"

/* Keeps the package that was found in sys.modules. */
static void
keep(struct module_state *state, PyObject *package)
{
    PyObject *before = NULL;

    Py_BEGIN_CRITICAL_SECTION(state->module);
    if (package != state->package) {
        before = state->package;
        state->package = Py_NewRef(package);
    }
    Py_END_CRITICAL_SECTION();
    Py_XDECREF(before);
}

/* Returns the package that was found last (new reference), or NULL. */
static PyObject *
get_kept(struct module_state *state)
{
    PyObject *package;

    Py_BEGIN_CRITICAL_SECTION(state->module);
    package = Py_XNewRef(state->package);
    Py_END_CRITICAL_SECTION();
    return package;
}

/* Returns the package as a new reference, or NULL and an exception. */
static PyObject *
get_package(struct module_state *state)
{
    PyObject *package = NULL;

    if (state->modules != NULL &&
        PyDict_GetItemRef(state->modules, state->name.package, &package) < 0) {
        return NULL;
    }
    /* At exit, sys.modules is emptied before the last objects go. */
    if (package == NULL || package == Py_None) {
        Py_XDECREF(package);
        package = get_kept(state);
        return package != NULL ? package
                               : PyImport_Import(state->name.package);
    }
    keep(state, package);
    return package;
}

PyObject *
package_attribute(struct module_state *state, PyObject *name)
{
    PyObject *package = get_package(state);
    PyObject *value;

    if (package == NULL) {
        return NULL;
    }
    value = PyObject_GetAttr(package, name);
    Py_DECREF(package);
    return value;
}

int
package_global(struct module_state *state, PyObject *name, PyObject **value)
{
    PyObject *package = NULL;
    int found = 0;

    *value = NULL;
    if (state->modules != NULL) {
        found = PyDict_GetItemRef(state->modules, state->name.package,
                                  &package);
    }
    if (package != NULL) {
        found = PyModule_CheckExact(package)
                    ? PyDict_GetItemRef(PyModule_GetDict(package), name, value)
                    : 0;
        Py_DECREF(package);
    }
    return found;
}

/* Returns the name from a module in sys.modules; NULL, perhaps without an
   exception, if the module or the name is missing (import in progress). */
static PyObject *
get_imported(PyObject *module, const char *name)
{
    PyObject *imported = PyImport_GetModule(module);
    PyObject *attribute;
    PyObject *value = NULL;

    if (imported == NULL) {
        return NULL;
    }
    attribute = PyUnicode_InternFromString(name);
    if (attribute != NULL) {
        (void)PyObject_GetOptionalAttr(imported, attribute, &value);
        Py_DECREF(attribute);
    }
    Py_DECREF(imported);
    return value;
}

PyObject *
package_import(const char *module, const char *name)
{
    PyObject *path = PyUnicode_FromString(module);
    PyObject *imported;
    PyObject *value;

    if (path == NULL) {
        return NULL;
    }
    /* PyImport_Import() takes ten times as long. */
    value = get_imported(path, name);
    if (value == NULL && !PyErr_Occurred()) {
        imported = PyImport_Import(path);
        if (imported != NULL) {
            value = PyObject_GetAttrString(imported, name);
            Py_DECREF(imported);
        }
    }
    Py_DECREF(path);
    return value;
}

/* Returns function(*arguments).  Steals both, which may be NULL with an
   exception. */
static PyObject *
call(PyObject *function, PyObject *arguments)
{
    PyObject *result = NULL;

    if (function != NULL && arguments != NULL) {
        result = PyObject_Call(function, arguments, NULL);
    }
    Py_XDECREF(function);
    Py_XDECREF(arguments);
    return result;
}

PyObject *
package_call(const char *module, const char *name, const char *format, ...)
{
    PyObject *arguments;
    va_list values;

    va_start(values, format);
    arguments = Py_VaBuildValue(format, values);
    va_end(values);
    return call(arguments == NULL ? NULL : package_import(module, name),
                arguments);
}

PyObject *
package_call_own(struct module_state *state, PyObject *module,
                 const char *name, const char *format, ...)
{
    PyObject *arguments;
    PyObject *function = NULL;
    va_list values;

    va_start(values, format);
    arguments = Py_VaBuildValue(format, values);
    va_end(values);
    if (arguments != NULL) {
        function = package_attribute(state, module);
    }
    if (function != NULL) {
        Py_SETREF(function, PyObject_GetAttrString(function, name));
    }
    return call(function, arguments);
}
