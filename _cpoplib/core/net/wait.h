/* Waiting for a descriptor. */

#ifndef POP_WAIT_H
#define POP_WAIT_H

#include <stdbool.h>

#include "core/net/timeout.h"
#include "core/proto/status.h"

/* Waits for `events` of poll().  POP_OK also when the peer is gone: the
   system call that follows tells.  POP_TIMEOUT, POP_DEADLINE, POP_INTERRUPTED,
   POP_SYSTEM (EBADF for a negative descriptor). */
enum pop_status pop_wait_for(int fd, short events,
                             struct pop_timeout *deadline,
                             struct pop_error *error);

/* The same for being readable or writable, at least one of which is asked
   for. */
enum pop_status pop_wait_either(int fd, bool readable, bool writable,
                                struct pop_timeout *deadline,
                                struct pop_error *error);

/* Whether a system call failed with `number` only because it must not wait. */
bool pop_wait_is_due(int number);

#endif
