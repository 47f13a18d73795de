/* Detects overridden private methods (hooks) and calls them.  Calls pop3 and
   base. */

#ifndef BINDING_OVERRIDES_H
#define BINDING_OVERRIDES_H

#include "binding/client/pop3.h"

/* A bit for each enum hook. */
typedef unsigned int hook_set;

#define HOOK_SET(hook) (1U << (hook))

/* Returns 1 if the hook is POP3's own method: overridden neither by a
   subclass, nor by assignment to a class or the instance.  Returns 0 if
   overridden, -1 and an exception. */
int overrides_is_own(POP3Object *self, enum hook hook);

/* Attributes of an instance, borrowed from its __dict__. */
struct overrides_view {
    PyObject *sock;
    PyObject *file;
    PyObject *debugging;
};

/* Fills the view by one pass over the instance's __dict__.  Returns true if it
   is certain that overrides_is_own() holds for each hook of the set, that
   .encoding is POP3's, and that .sock, .file and ._debugging are plain
   attributes.  Otherwise the caller must look each of them up.  Runs no Python
   code and raises nothing. */
bool overrides_are_plain(POP3Object *self, hook_set hooks,
                         struct overrides_view *view);

void overrides_release(struct overrides_view *view);

/* Calls self._hook() or, if `argument` is not NULL, self._hook(argument). */
PyObject *overrides_call(POP3Object *self, enum hook hook, PyObject *argument);

#endif
