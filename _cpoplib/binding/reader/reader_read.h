/* The Reader's methods that read.  Calls reader_enter, progress, base. */

#ifndef BINDING_READER_READ_H
#define BINDING_READER_READ_H

#include "binding/reader/reader.h"

extern PyMethodDef reader_read_methods[];

PyObject *reader_read_next(PyObject *op);

#endif
