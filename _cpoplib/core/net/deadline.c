#include "core/net/deadline.h"

#include <stdio.h>
#include <time.h>

int64_t
pop_deadline_now(void)
{
    struct timespec now;

    /* Cannot fail: the clock is one that POSIX systems of our kind have. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * POP_NS_PER_SECOND + now.tv_nsec;
}

int64_t
pop_deadline_add(int64_t at, int64_t duration)
{
    return duration > INT64_MAX - at ? INT64_MAX : at + duration;
}

void
pop_deadline_clear(struct pop_deadline *limit)
{
    limit->at = POP_NO_DEADLINE;
    limit->allowed = 0;
    limit->is_pause = false;
}

void
pop_deadline_start(struct pop_deadline *limit, int64_t allowed)
{
    limit->at = pop_deadline_add(pop_deadline_now(), allowed);
    limit->allowed = allowed;
    limit->is_pause = false;
}

bool
pop_deadline_has_passed(const struct pop_deadline *limit)
{
    return limit->at != POP_NO_DEADLINE && pop_deadline_now() >= limit->at;
}

int64_t
pop_deadline_left(const struct pop_deadline *limit)
{
    int64_t left = limit->at;

    if (left != POP_NO_DEADLINE) {
        left -= pop_deadline_now();
    }
    return left > 0 ? left : 0;
}

/* What has passed and, `advice`, what is to be done. */
static enum pop_status
tell(const struct pop_deadline *limit, const char *advice,
     struct pop_error *error)
{
    (void)snprintf(error->text, sizeof(error->text),
                   "the deadline of %.6g s has passed: %s",
                   (double)limit->allowed / POP_NS_PER_SECOND, advice);
    return POP_DEADLINE;
}

enum pop_status
pop_deadline_refuse(const struct pop_deadline *limit, struct pop_error *error)
{
    return tell(limit,
                "nothing was sent; set a later one, or close() this "
                "connection",
                error);
}

enum pop_status
pop_deadline_end(const struct pop_deadline *limit, struct pop_error *error)
{
    return tell(limit,
                "close() this connection; for a server that is only slow set "
                "a later one",
                error);
}
