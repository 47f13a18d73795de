/* Command lines, as str: what self._putcmd() takes. */

#ifndef BINDING_FORMAT_COMMAND_H
#define BINDING_FORMAT_COMMAND_H

#include "binding/base/state.h"
#include "core/proto/command.h"

/* "VERB", "VERB first" or "VERB first second", as '%s' formats the arguments;
   those may be NULL.  A new reference, or NULL. */
PyObject *format_command_make(enum pop_verb verb, PyObject *first,
                              PyObject *second);

/* The octets of that line, if all its arguments are ints; NULL without an
   exception if they are not. */
PyObject *format_command_make_plain(enum pop_verb verb, PyObject *first,
                                    PyObject *second);

/* 'VERB %s' % argument, with what % makes of tuples and mappings. */
PyObject *format_command_format(enum pop_verb verb, PyObject *argument);

#endif
