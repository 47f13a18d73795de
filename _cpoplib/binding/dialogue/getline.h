/* poplib's _getline, and what may take its place. */

#ifndef BINDING_GETLINE_H
#define BINDING_GETLINE_H

#include "binding/client/overrides.h"
#include "binding/reader/stream.h"

/* Octets of all lines of a reply. */
size_t getline_size_limit(const POP3Object *self);

/* Of the status line _MAXLINE of the package, which users set at run time; of
   further lines max_line where that is larger. */
int getline_limits(POP3Object *self, struct stream_limits *limits);

/* getline_limits() without running Python code, which needs an int as
   _MAXLINE: 1; 0 if it is none; -1 and an exception. */
int getline_plain_limits(POP3Object *self, struct stream_limits *limits);

/* POP3._getline(): (line, octets). */
PyObject *getline_own(POP3Object *self);

/* line, octets = self._getline(), overridden or not, as new references. */
int getline_call(POP3Object *self, PyObject **line, PyObject **octets);

/* Returns the Reader if what these hooks read can be read from it in C: none
   is overridden, and nothing is printed.  Otherwise NULL, with an exception if
   *failed. */
ReaderObject *getline_quiet_reader(POP3Object *self, hook_set hooks,
                                   int *failed);

#endif
