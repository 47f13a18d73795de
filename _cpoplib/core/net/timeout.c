/* Timeouts, whose first wait reads the clock. */

#include "core/net/timeout.h"

#include <limits.h>

#define NS_PER_MS INT64_C(1000000)

void
pop_timeout_set(struct pop_timeout *timeout, int64_t duration)
{
    timeout->duration = duration;
    timeout->at = 0;
    timeout->armed = false;
    timeout->deadline.at = POP_NO_DEADLINE;
    timeout->deadline.allowed = 0;
}

/* Returns the nanoseconds until the timeout or the deadline, the earlier of
   the two. */
static int64_t
remaining_ns(struct pop_timeout *timeout)
{
    int64_t now = pop_deadline_now();
    int64_t at = timeout->deadline.at;

    if (!timeout->armed && timeout->duration >= 0) {
        timeout->armed = true;
        timeout->at = pop_deadline_add(now, timeout->duration);
    }
    if (timeout->armed && timeout->at < at) {
        at = timeout->at;
    }
    return at - now;
}

int
pop_timeout_poll_ms(struct pop_timeout *timeout)
{
    int64_t left;

    if (timeout->duration == POP_WAIT_NEVER) {
        return 0;
    }
    if (timeout->duration < 0 && timeout->deadline.at == POP_NO_DEADLINE) {
        return -1;
    }
    left = remaining_ns(timeout);
    if (left <= 0) {
        return 0;
    }
    left = left / NS_PER_MS + (left % NS_PER_MS != 0);
    return left > INT_MAX ? INT_MAX : (int)left;
}
