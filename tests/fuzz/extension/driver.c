/* libFuzzer for a function written in Python: run(function, arguments). */

#include <Python.h>

#include <stdint.h>
#include <stdlib.h>

#define MOST_ARGUMENTS 256

int LLVMFuzzerRunDriver(int *argc, char ***argv,
                        int (*run_one)(const uint8_t *data, size_t size));

/* libFuzzer's function takes nothing but the input, and never comes back. */
static PyObject *function;

static int
run_one(const uint8_t *data, size_t size)
{
    PyObject *input = PyBytes_FromStringAndSize((const char *)data,
                                                (Py_ssize_t)size);
    PyObject *result = NULL;

    if (input != NULL) {
        result = PyObject_CallFunctionObjArgs(function, input, NULL);
        Py_DECREF(input);
    }
    if (result == NULL) {
        PyErr_Print();
        abort();
    }
    Py_DECREF(result);
    return 0;
}

static PyObject *
run(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *arguments;
    char *words[MOST_ARGUMENTS + 1] = {NULL};
    char **argv = words;
    int argc;
    int i;

    if (!PyArg_ParseTuple(args, "OO!", &function, &PyList_Type, &arguments)) {
        return NULL;
    }
    argc = (int)PyList_GET_SIZE(arguments);
    if (argc > MOST_ARGUMENTS) {
        return PyErr_Format(PyExc_ValueError, "too many arguments");
    }
    for (i = 0; i < argc; i++) {
        PyObject *word = PyList_GET_ITEM(arguments, i);

        words[i] = (char *)PyUnicode_AsUTF8(word);
        if (words[i] == NULL) {
            return NULL;
        }
    }
    return PyLong_FromLong(LLVMFuzzerRunDriver(&argc, &argv, run_one));
}

static PyMethodDef methods[] = {
    {"run", run, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "driver",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC
PyInit_driver(void)
{
    return PyModule_Create(&module);
}
