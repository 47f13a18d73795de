/* The methods of a Reader that do not read. */

#ifndef BINDING_READERFILE_H
#define BINDING_READERFILE_H

#include "binding/reader.h"

extern PyMethodDef readerfile_methods[];
extern PyGetSetDef readerfile_getset[];

PyObject *readerfile_iter(PyObject *op);

#endif
