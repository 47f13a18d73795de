/* A limit on how long one operation may wait, on the monotonic clock. */

#ifndef POP_TIMEOUT_H
#define POP_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/net/deadline.h"

#define POP_WAIT_FOREVER INT64_C(-1)
#define POP_WAIT_NEVER INT64_C(0)

struct pop_timeout {
    int64_t timeout; /* nanoseconds, POP_WAIT_FOREVER or POP_WAIT_NEVER */
    int64_t at;      /* monotonic nanoseconds; meaningful once armed */
    bool armed;
    struct pop_deadline limit; /* counts beside the timeout, unless that is
                               POP_WAIT_NEVER */
};

/* The clock is not read before the first wait: an operation that need not
   wait pays nothing for its deadline.  There is no limit beside it then. */
void pop_timeout_set(struct pop_timeout *deadline, int64_t timeout);

/* What poll() takes as its timeout: milliseconds left, rounded up so that
   poll() never returns early into a busy loop; 0 when the time is over;
   -1 for POP_WAIT_FOREVER without a limit.  The first call starts the
   clock. */
int pop_timeout_poll_ms(struct pop_timeout *deadline);

#endif
