/* LIST and UIDL as data. */

#ifndef BINDING_LISTINGS_H
#define BINDING_LISTINGS_H

#include "binding/client/pop3.h"

/* What the lines of LIST or UIDL, a list of bytes, say of the messages that
   there are.  Any other object says nothing. */
void listings_note(POP3Object *client, PyObject *lines);

extern PyMethodDef listings_methods[];

#endif
