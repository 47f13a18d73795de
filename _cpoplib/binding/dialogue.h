/* poplib's _putline, _putcmd, _shortcmd and _longcmd, and the call graph
   between them: in C while nothing on the way is overridden, by calls of the
   Python methods otherwise. */

#ifndef BINDING_DIALOGUE_H
#define BINDING_DIALOGUE_H

#include "binding/pop3.h"

/* self._shortcmd(line), overridden or not, as one command. */
PyObject *dialogue_shortcmd(POP3Object *self, PyObject *line);

/* self._longcmd(line), overridden or not, as one command. */
PyObject *dialogue_longcmd(POP3Object *self, PyObject *line);

extern PyMethodDef dialogue_methods[];

#endif
