/* What is ours alone and can be set: keyword-only arguments of the
   constructors, and set_options(). */

#ifndef BINDING_OPTIONS_H
#define BINDING_OPTIONS_H

#include "binding/client/pop3.h"

/* For struct args_signature, as the last ones. */
#define OPTIONS_NAMES "max_line", "max_size", "pipelining", "read_ahead"
#define OPTIONS_COUNT 4

/* For docstrings. */
#define OPTIONS_SIGNATURE                                                     \
    "max_line=16777216, max_size=None, pipelining='auto', read_ahead=..."

void options_init(POP3Object *self);

/* Sets those of the OPTIONS_COUNT values that are not NULL; all or, with an
   exception and -1, none. */
int options_set(POP3Object *self, PyObject *const *values);

extern PyMethodDef options_methods[];

/* Of the module. */
extern PyMethodDef options_functions[];

#endif
