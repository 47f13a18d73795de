/* The methods of a Reader: those of a buffered binary file. */

#ifndef BINDING_READERFILE_H
#define BINDING_READERFILE_H

#include "binding/reader.h"

extern PyMethodDef readerfile_methods[];
extern PyGetSetDef readerfile_getset[];

PyObject *readerfile_iter(PyObject *op);
PyObject *readerfile_next(PyObject *op);

#endif
