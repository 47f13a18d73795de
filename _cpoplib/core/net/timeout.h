/* Timeouts: how long one operation may wait, on the monotonic clock.  Calls
   deadline.h. */

#ifndef POP_TIMEOUT_H
#define POP_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/net/deadline.h"

#define POP_WAIT_FOREVER INT64_C(-1)
#define POP_WAIT_NEVER INT64_C(0)

struct pop_timeout {
    int64_t duration; /* nanoseconds, POP_WAIT_FOREVER or POP_WAIT_NEVER */
    int64_t at;       /* monotonic nanoseconds; meaningful once armed */
    bool armed;
    struct pop_deadline deadline; /* ends the wait, too, unless the duration is
                                     POP_WAIT_NEVER */
};

/* Sets a timeout without a deadline.  The first wait starts its clock, so an
   operation that doesn't wait reads no clock. */
void pop_timeout_set(struct pop_timeout *timeout, int64_t duration);

/* Returns a timeout for poll(): the milliseconds left, rounded up so that
   poll() never returns early into a busy loop; 0 if none are left; -1 for
   POP_WAIT_FOREVER without a deadline.  The first call starts the clock. */
int pop_timeout_poll_ms(struct pop_timeout *timeout);

#endif
