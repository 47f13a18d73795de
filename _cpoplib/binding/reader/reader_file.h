/* The methods of a Reader that do not read. */

#ifndef BINDING_READER_FILE_H
#define BINDING_READER_FILE_H

#include "binding/reader/reader.h"

extern PyMethodDef readerfile_methods[];
extern PyGetSetDef readerfile_getset[];

PyObject *readerfile_iter(PyObject *op);

#endif
