/* Is a private method overridden?  Then it is called, as poplib would. */

#ifndef BINDING_HOOKS_H
#define BINDING_HOOKS_H

#include "binding/pop3.h"

/* 1 if looking the hook up on the instance finds POP3's own method: it is
   overridden neither by a subclass, nor by assignment to a class, nor on the
   instance.  0 if it is, -1 and an exception. */
int hook_is_own(POP3Object *self, enum hook hook);

/* self._hook() or self._hook(argument), whatever it is. */
PyObject *hook_call(POP3Object *self, enum hook hook, PyObject *argument);

#endif
