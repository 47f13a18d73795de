/* Detects overridden private methods (hooks) and calls them.  Calls pop3 and
   base. */

#ifndef BINDING_OVERRIDES_H
#define BINDING_OVERRIDES_H

#include "binding/client/pop3.h"

/* A bit for each enum hook. */
typedef unsigned int hook_set;

#define HOOK_SET(hook) (1U << (hook))

/* The hooks that a line goes through before it is sent, without _shortcmd and
   _longcmd; those that replies are read by. */
#define COMMAND_HOOKS (HOOK_SET(HOOK_PUTCMD) | HOOK_SET(HOOK_PUTLINE))
#define REPLIES_HOOKS                                                         \
    (HOOK_SET(HOOK_GETLONGRESP) | HOOK_SET(HOOK_GETRESP) |                    \
     HOOK_SET(HOOK_GETLINE))

/* Returns 1 if all hooks of the set are POP3's own methods: overridden neither
   by a subclass, nor by assignment to a class or the instance.  Returns 0 if
   one is overridden, -1 and an exception. */
int overrides_are_own(POP3Object *self, hook_set hooks);

/* Attributes of an instance, owned: see overrides_release(). */
struct overrides_view {
    PyObject *sock;
    PyObject *file;
    PyObject *debugging;
};

/* Fills the view by one pass over the instance's __dict__.  Returns true if it
   is certain that overrides_are_own() holds, that
   .encoding is POP3's, and that .sock, .file and ._debugging are plain
   attributes.  Otherwise the caller must look each of them up.  Runs no Python
   code and raises nothing. */
bool overrides_are_plain(POP3Object *self, hook_set hooks,
                         struct overrides_view *view);

void overrides_release(struct overrides_view *view);

/* Calls self._hook() or, if `argument` is not NULL, self._hook(argument), if
   it is overridden, and stores the result, NULL with an exception.  Returns
   false if it is not: the caller runs POP3's own. */
bool overrides_call(POP3Object *self, enum hook hook, PyObject *argument,
                    PyObject **result);

#endif
