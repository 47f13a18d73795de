/* LIST and UIDL as data. */

#ifndef BINDING_LISTINGS_H
#define BINDING_LISTINGS_H

#include "binding/client/pop3.h"

/* Notes for read-ahead which messages exist, from the lines (a list of bytes)
   of a reply to LIST or UIDL.  Ignores any other object. */
void listings_note(POP3Object *client, PyObject *lines);

extern PyMethodDef listings_methods[];

#endif
