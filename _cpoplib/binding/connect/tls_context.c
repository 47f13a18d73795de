#include "binding/connect/tls_context.h"

#include "binding/base/package.h"

/* ssl.VERIFY_X509_PARTIAL_CHAIN, named since Python 3.10. */
#define PARTIAL_CHAIN 0x80000L

/* Adds the keyword unless the value is NULL. */
static int
set_keyword(PyObject *keywords, const char *name, PyObject *value)
{
    return value == NULL ? 0 : PyDict_SetItemString(keywords, name, value);
}

static PyObject *
call_with_keywords(PyObject *module, const char *name, PyObject *keywords)
{
    PyObject *function = PyObject_GetAttrString(module, name);
    PyObject *nothing = PyTuple_New(0);
    PyObject *result = NULL;

    if (function != NULL && nothing != NULL) {
        result = PyObject_Call(function, nothing, keywords);
    }
    Py_XDECREF(function);
    Py_XDECREF(nothing);
    return result;
}

/* os.path.isdir(path) */
static int
is_directory(PyObject *path)
{
    PyObject *isdir = package_import("os.path", "isdir");
    PyObject *result;
    int truth;

    if (isdir == NULL) {
        return -1;
    }
    result = PyObject_CallFunctionObjArgs(isdir, path, NULL);
    Py_DECREF(isdir);
    if (result == NULL) {
        return -1;
    }
    truth = PyObject_IsTrue(result);
    Py_DECREF(result);
    return truth;
}

/* object.name |= bits */
static int
add_bits(PyObject *object, const char *name, long bits)
{
    PyObject *before = PyObject_GetAttrString(object, name);
    PyObject *added = NULL;
    PyObject *after = NULL;
    int failed = -1;

    if (before != NULL) {
        added = PyLong_FromLong(bits);
    }
    if (added != NULL) {
        after = PyNumber_Or(before, added);
    }
    if (after != NULL) {
        failed = PyObject_SetAttrString(object, name, after);
    }
    Py_XDECREF(before);
    Py_XDECREF(added);
    Py_XDECREF(after);
    return failed;
}

/* context.minimum_version = ssl.TLSVersion.TLSv1_2 */
static int
set_least_version(PyObject *ssl, PyObject *context)
{
    PyObject *versions = PyObject_GetAttrString(ssl, "TLSVersion");
    PyObject *least = NULL;
    int failed = -1;

    if (versions != NULL) {
        least = PyObject_GetAttrString(versions, "TLSv1_2");
    }
    if (least != NULL) {
        failed = PyObject_SetAttrString(context, "minimum_version", least);
    }
    Py_XDECREF(versions);
    Py_XDECREF(least);
    return failed;
}

/* Applies the rules of our own TLS: versions, host names, and trust in a
   certificate that is no root. */
static int
verify_as_we_do(PyObject *ssl, PyObject *context)
{
    if (set_least_version(ssl, context) < 0 ||
        add_bits(context, "verify_flags", PARTIAL_CHAIN) < 0) {
        return -1;
    }
    return PyObject_SetAttrString(context, "hostname_checks_common_name",
                                  Py_False);
}

/* Calls ssl.create_default_context(cafile= or capath=) and loads the client
   certificate. */
static PyObject *
verifying_context(PyObject *ssl, const struct tls_options *options)
{
    PyObject *keywords = PyDict_New();
    PyObject *context = NULL;
    PyObject *loaded = NULL;
    int directory = 0;

    if (keywords == NULL) {
        return NULL;
    }
    if (options->verify != Py_True) {
        directory = is_directory(options->verify);
        if (directory < 0 ||
            set_keyword(keywords, directory ? "capath" : "cafile",
                        options->verify) < 0) {
            goto done;
        }
    }
    context = call_with_keywords(ssl, "create_default_context", keywords);
    if (context != NULL && verify_as_we_do(ssl, context) < 0) {
        Py_CLEAR(context);
    }
    if (context != NULL && options->certfile != NULL) {
        loaded = PyObject_CallMethod(
            context, "load_cert_chain", "OO", options->certfile,
            options->keyfile == NULL ? Py_None : options->keyfile);
        if (loaded == NULL) {
            Py_CLEAR(context);
        }
    }
done:
    Py_XDECREF(loaded);
    Py_DECREF(keywords);
    return context;
}

/* ssl._create_stdlib_context(certfile=, keyfile=) */
static PyObject *
stdlib_context(PyObject *ssl, const struct tls_options *options)
{
    PyObject *keywords = PyDict_New();
    PyObject *context = NULL;

    if (keywords == NULL) {
        return NULL;
    }
    if (set_keyword(keywords, "certfile", options->certfile) == 0 &&
        set_keyword(keywords, "keyfile", options->keyfile) == 0) {
        context = call_with_keywords(ssl, "_create_stdlib_context", keywords);
    }
    Py_DECREF(keywords);
    return context;
}

PyObject *
tls_context_new(struct module_state *state, const struct tls_options *options)
{
    PyObject *ssl = package_attribute(state, state->name.ssl);
    PyObject *context;

    if (ssl == NULL) {
        return NULL;
    }
    context = tls_options_verifies(options) ? verifying_context(ssl, options)
                                            : stdlib_context(ssl, options);
    Py_DECREF(ssl);
    return context;
}
