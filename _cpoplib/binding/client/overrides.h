/* Is a private method overridden?  Then it is called, as poplib would. */

#ifndef BINDING_OVERRIDES_H
#define BINDING_OVERRIDES_H

#include "binding/client/pop3.h"

/* Some of the hooks. */
typedef unsigned int hook_set;

#define HOOK_SET(hook) (1U << (hook))

/* 1 if looking the hook up on the instance finds POP3's own method: it is
   overridden neither by a subclass, nor by assignment to a class, nor on the
   instance.  0 if it is, -1 and an exception. */
int overrides_is_own(POP3Object *self, enum hook hook);

/* What is seen of an instance at a glance: its attributes. */
struct overrides_view {
    PyObject *sock;
    PyObject *file;
    PyObject *debugging;
};

/* Whether it is certain, by one pass over the instance's __dict__, that
   overrides_is_own() holds for each hook of a set, that .encoding is POP3's,
   and that looking for .sock, .file and ._debugging finds what is in the
   __dict__.  Runs no Python code, raises nothing; where it says no, each is to
   be asked for by itself, and there is no view. */
bool overrides_are_plain(POP3Object *self, hook_set hooks,
                         struct overrides_view *view);

void overrides_release(struct overrides_view *view);

/* self._hook() or self._hook(argument), whatever it is. */
PyObject *overrides_call(POP3Object *self, enum hook hook, PyObject *argument);

#endif
