/* What close() in another thread ends while a constructor is at work: the
   steps up to the greeting, when .sock and .file are not set yet.

   Each function is atomic: no other thread is between its first and its last
   step.  Calls base. */

#ifndef BINDING_OPENING_H
#define BINDING_OPENING_H

#include "binding/client/pop3.h"

/* Begins a constructor, perhaps inside another one of the same thread. */
void opening_begin(POP3Object *self);

/* Ends a constructor.  Returns `failed`; after opening_close() the pending
   exception becomes the context of ConnectionAbortedError, unless it is no
   subclass of Exception. */
int opening_end(POP3Object *self, int failed);

/* Returns -1 and raises ConnectionAbortedError after opening_close(). */
int opening_check(POP3Object *self);

/* Calls opening_check(), and has opening_close() shut down the socket of this
   descriptor (-1: none) from now on, until the next call or the constructor's
   end.  Keeps a duplicate, so that the caller can close the descriptor at any
   time. */
int opening_watch(POP3Object *self, int fd);

/* Ends the constructor that another thread is in.  Returns whether there is
   one. */
bool opening_close(POP3Object *self);

#endif
