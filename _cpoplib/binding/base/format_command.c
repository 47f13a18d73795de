#include "binding/base/format_command.h"

#include <string.h>

#include "core/proto/scan.h"

#define PLAIN_OCTETS 64 /* the longest verb, two numbers, and spaces */

/* Appends " number" if the argument is an int >= 0 that fits a long; else
   returns false. */
static bool
add_number(char *line, size_t *length, PyObject *argument)
{
    char digits[PLAIN_OCTETS];
    size_t count = 0;
    int overflow = 0;
    long number = PyLong_CheckExact(argument)
                      ? PyLong_AsLongAndOverflow(argument, &overflow)
                      : -1;

    if (number < 0 || overflow != 0) {
        return false;
    }
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    line[(*length)++] = ' ';
    while (count > 0) {
        line[(*length)++] = digits[--count];
    }
    return true;
}

/* The line's octets, if its arguments are numbers; 0 otherwise. */
static size_t
make_plain(char line[PLAIN_OCTETS], enum pop_verb verb, PyObject *first,
           PyObject *second)
{
    const char *name = pop_command(verb)->name;
    size_t length = strlen(name);

    memcpy(line, name, length);
    return (first == NULL || add_number(line, &length, first)) &&
                   (second == NULL || add_number(line, &length, second))
               ? length
               : 0;
}

PyObject *
format_command_make(enum pop_verb verb, PyObject *first, PyObject *second)
{
    const char *name = pop_command(verb)->name;
    char line[PLAIN_OCTETS];
    size_t length = make_plain(line, verb, first, second);

    if (length > 0) {
        return PyUnicode_FromStringAndSize(line, (Py_ssize_t)length);
    }
    return second == NULL
               ? PyUnicode_FromFormat("%s %S", name, first)
               : PyUnicode_FromFormat("%s %S %S", name, first, second);
}

PyObject *
format_command_make_plain(enum pop_verb verb, PyObject *first,
                          PyObject *second)
{
    char line[PLAIN_OCTETS];
    size_t length = make_plain(line, verb, first, second);

    return length == 0 ? NULL
                       : PyBytes_FromStringAndSize(line, (Py_ssize_t)length);
}

PyObject *
format_command_format(enum pop_verb verb, PyObject *argument)
{
    PyObject *format;
    PyObject *line;

    if (PyUnicode_CheckExact(argument) || PyLong_CheckExact(argument)) {
        return format_command_make(verb, argument, NULL);
    }
    format = PyUnicode_FromFormat("%s %%s", pop_command(verb)->name);
    if (format == NULL) {
        return NULL;
    }
    line = PyUnicode_Format(format, argument);
    Py_DECREF(format);
    return line;
}

long long
format_command_number(PyObject *object)
{
    const char *text;
    long long number;
    size_t length;
    size_t digits;

    if (PyLong_CheckExact(object)) {
        int overflow;

        number = PyLong_AsLongLongAndOverflow(object, &overflow);
        return overflow == 0 && number > 0 && number <= POP_NUMBER_MOST
                   ? number
                   : -1;
    }
    if (!PyUnicode_CheckExact(object) || !PyUnicode_IS_ASCII(object)) {
        return -1;
    }
    text = (const char *)PyUnicode_1BYTE_DATA(object);
    length = (size_t)PyUnicode_GET_LENGTH(object);
    number = pop_scan_number(text, length, &digits);
    return digits == length ? number : -1;
}
