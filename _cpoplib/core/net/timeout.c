#include "core/net/timeout.h"

#include <limits.h>

#define NS_PER_MS INT64_C(1000000)

void
pop_timeout_set(struct pop_timeout *deadline, int64_t timeout)
{
    deadline->timeout = timeout;
    deadline->at = 0;
    deadline->armed = false;
    deadline->limit.at = POP_NO_DEADLINE;
    deadline->limit.allowed = 0;
}

/* Until the timeout or the limit, whatever comes first. */
static int64_t
remaining_ns(struct pop_timeout *deadline)
{
    int64_t now = pop_deadline_now();
    int64_t at = deadline->limit.at;

    if (!deadline->armed && deadline->timeout >= 0) {
        deadline->armed = true;
        deadline->at = pop_deadline_add(now, deadline->timeout);
    }
    if (deadline->armed && deadline->at < at) {
        at = deadline->at;
    }
    return at - now;
}

int
pop_timeout_poll_ms(struct pop_timeout *deadline)
{
    int64_t left;

    if (deadline->timeout == POP_WAIT_NEVER) {
        return 0;
    }
    if (deadline->timeout < 0 && deadline->limit.at == POP_NO_DEADLINE) {
        return -1;
    }
    left = remaining_ns(deadline);
    if (left <= 0) {
        return 0;
    }
    left = left / NS_PER_MS + (left % NS_PER_MS != 0);
    return left > INT_MAX ? INT_MAX : (int)left;
}
