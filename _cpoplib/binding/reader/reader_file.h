/* The Reader's methods: those of a buffered binary file.  Calls reader_enter,
   progress, socket and base. */

#ifndef BINDING_READER_FILE_H
#define BINDING_READER_FILE_H

#include "binding/reader/reader.h"

extern PyMethodDef reader_file_methods[];
extern PyGetSetDef reader_file_getset[];

PyObject *reader_file_iter(PyObject *op);
PyObject *reader_file_next(PyObject *op);

#endif
