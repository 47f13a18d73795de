/* The methods of a Reader that read. */

#ifndef BINDING_READERBYTES_H
#define BINDING_READERBYTES_H

#include "binding/reader.h"

extern PyMethodDef readerbytes_methods[];

PyObject *readerbytes_next(PyObject *op);

#endif
