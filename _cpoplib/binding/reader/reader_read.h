/* The methods of a Reader that read. */

#ifndef BINDING_READER_READ_H
#define BINDING_READER_READ_H

#include "binding/reader/reader.h"

extern PyMethodDef readerbytes_methods[];

PyObject *readerbytes_next(PyObject *op);

#endif
