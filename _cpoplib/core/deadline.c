#include "core/deadline.h"

#include <limits.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static int64_t
monotonic_ns(void)
{
    struct timespec now;

    /* Cannot fail: the clock is one that POSIX systems of our kind have. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

void
pop_deadline_set(struct pop_deadline *deadline, int64_t timeout)
{
    deadline->timeout = timeout;
    deadline->at = 0;
    deadline->armed = false;
}

static int64_t
remaining_ns(struct pop_deadline *deadline)
{
    int64_t now = monotonic_ns();

    if (!deadline->armed) {
        deadline->armed = true;
        deadline->at = deadline->timeout > INT64_MAX - now
                           ? INT64_MAX
                           : now + deadline->timeout;
    }
    return deadline->at - now;
}

int
pop_deadline_poll_ms(struct pop_deadline *deadline)
{
    int64_t left;

    if (deadline->timeout < 0) {
        return -1;
    }
    if (deadline->timeout == POP_WAIT_NEVER) {
        return 0;
    }
    left = remaining_ns(deadline);
    if (left <= 0) {
        return 0;
    }
    left = left / NS_PER_MS + (left % NS_PER_MS != 0);
    return left > INT_MAX ? INT_MAX : (int)left;
}
