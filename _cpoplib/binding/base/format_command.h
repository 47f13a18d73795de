/* Formats command lines as str, the argument of _putcmd().  Calls nothing of
   the binding. */

#ifndef BINDING_FORMAT_COMMAND_H
#define BINDING_FORMAT_COMMAND_H

#include "binding/base/state.h"
#include "core/proto/command.h"

/* Returns "VERB", "VERB first" or "VERB first second" with str() of the
   arguments, which may be NULL: a new reference, or NULL and an exception. */
PyObject *format_command_make(enum pop_verb verb, PyObject *first,
                              PyObject *second);

/* Returns the octets of that line if all its arguments are ints; NULL without
   an exception if they are not. */
PyObject *format_command_make_plain(enum pop_verb verb, PyObject *first,
                                    PyObject *second);

/* Returns the message number that the object becomes in a command line, or -1
   if that is not certain. */
long long format_command_number(PyObject *object);

/* Returns 'VERB %s' % argument, as poplib does; % treats tuples and mappings
   in its own way.  A new reference, or NULL and an exception. */
PyObject *format_command_format(enum pop_verb verb, PyObject *argument);

#endif
