/* The documented commands: user() to capa(). */

#ifndef BINDING_COMMANDS_H
#define BINDING_COMMANDS_H

#include "binding/pop3.h"
#include "core/command.h"

/* "VERB", "VERB first" or "VERB first second", as '%s' formats the arguments;
   those may be NULL.  A new reference, or NULL. */
PyObject *commands_line(enum pop_verb verb, PyObject *first, PyObject *second);

extern PyMethodDef commands_methods[];

#endif
