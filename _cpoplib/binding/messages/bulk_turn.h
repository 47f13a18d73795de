/* How an iterator over many messages asks for them, and receives. */

#ifndef BINDING_BULK_TURN_H
#define BINDING_BULK_TURN_H

#include "binding/messages/bulk_iterator.h"

/* Asks for what is due and what was pulled from the numbers, as far as there
   is room for it, and receives until the first slot is the next result, or
   nothing is to come.  Waits for the connection, which is held meanwhile.
   -1 and an exception that is about no number: it is over. */
int bulk_turn_run(BulkIteratorObject *self);

#endif
