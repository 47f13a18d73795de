/* poplib's _getline, and what may take its place. */

#ifndef BINDING_GETLINE_H
#define BINDING_GETLINE_H

#include "binding/pop3.h"
#include "binding/reader.h"

/* _MAXLINE of the package, which users set at run time: octets of the longest
   status line. */
int getline_maxline(POP3Object *self, size_t *limit);

/* Octets of the longest line of a message, given that. */
size_t getline_limit(POP3Object *self, size_t maxline);

/* POP3._getline(): (line, octets). */
PyObject *getline_own(POP3Object *self);

/* line, octets = self._getline(), overridden or not, as new references. */
int getline_call(POP3Object *self, PyObject **line, PyObject **octets);

/* The Reader, if lines can be read from it without anybody noticing that
   _getline is not called: it is not overridden, and nothing is printed.
   Otherwise NULL, with an exception if *failed. */
ReaderObject *getline_quiet_reader(POP3Object *self, int *failed);

#endif
