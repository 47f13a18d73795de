/* Waits for a descriptor with poll().  Calls timeout.h and deadline.h. */

#ifndef POP_WAIT_H
#define POP_WAIT_H

#include <stdbool.h>

#include "core/net/timeout.h"
#include "core/proto/status.h"

/* Waits for `events` of poll().  Returns POP_OK also if the peer is gone: the
   next system call reports that.  Otherwise POP_TIMEOUT, POP_DEADLINE,
   POP_INTERRUPTED, or POP_SYSTEM (EBADF for a negative descriptor). */
enum pop_status pop_wait_for(int fd, short events, struct pop_timeout *timeout,
                             struct pop_error *error);

/* Calls pop_wait_for() for reading, writing or both; at least one of the two
   is true. */
enum pop_status pop_wait_either(int fd, bool readable, bool writable,
                                struct pop_timeout *timeout,
                                struct pop_error *error);

/* Returns true if errno `number` says that a system call would block. */
bool pop_wait_is_due(int number);

#endif
