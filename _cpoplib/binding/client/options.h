/* The options max_line, max_size, pipelining and read_ahead: keyword-only
   arguments of the constructors and of set_options().  poplib_c/_options.py
   checks them.  Calls pop3 and base. */

#ifndef BINDING_OPTIONS_H
#define BINDING_OPTIONS_H

#include "binding/client/pop3.h"

/* The last names of a struct args_signature. */
#define OPTIONS_NAMES "max_line", "max_size", "pipelining", "read_ahead"
#define OPTIONS_COUNT 4

/* For docstrings. */
#define OPTIONS_SIGNATURE                                                     \
    "max_line=16777216, max_size=None, pipelining='auto', "                   \
    "read_ahead=poplib_c._options.INSTALLED"

void options_init(POP3Object *self);

/* Stores what poplib_c._options.<name>(value) returns; nothing if the value is
   left out (args_is_default()).  Returns -1 and an exception. */
int options_parse(struct module_state *state, const char *name,
                  PyObject *value, size_t *parsed);

/* Sets those of the OPTIONS_COUNT values that are not left out.  On failure
   sets none and returns -1 with an exception. */
int options_set(POP3Object *self, PyObject *const *values);

extern PyMethodDef options_methods[];

/* Functions of the module. */
extern PyMethodDef options_functions[];

#endif
