/* Deadlines on clock_gettime(), and the error texts of those that pass. */

#include "core/net/deadline.h"

#include <stdio.h>
#include <time.h>

int64_t
pop_deadline_now(void)
{
    struct timespec now;

    /* Cannot fail: every supported system has this clock. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * POP_NS_PER_SECOND + now.tv_nsec;
}

int64_t
pop_deadline_add(int64_t at, int64_t duration)
{
    return duration > INT64_MAX - at ? INT64_MAX : at + duration;
}

void
pop_deadline_clear(struct pop_deadline *deadline)
{
    deadline->at = POP_NO_DEADLINE;
    deadline->allowed = 0;
    deadline->is_pause = false;
}

void
pop_deadline_start(struct pop_deadline *deadline, int64_t allowed)
{
    deadline->at = pop_deadline_add(pop_deadline_now(), allowed);
    deadline->allowed = allowed;
    deadline->is_pause = false;
}

bool
pop_deadline_has_passed(const struct pop_deadline *deadline)
{
    return deadline->at != POP_NO_DEADLINE &&
           pop_deadline_now() >= deadline->at;
}

int64_t
pop_deadline_left(const struct pop_deadline *deadline)
{
    int64_t left = deadline->at;

    if (left != POP_NO_DEADLINE) {
        left -= pop_deadline_now();
    }
    return left > 0 ? left : 0;
}

/* Fills in error->text with the deadline and `advice`.  Returns
   POP_DEADLINE. */
static enum pop_status
tell(const struct pop_deadline *deadline, const char *advice,
     struct pop_error *error)
{
    (void)snprintf(error->text, sizeof(error->text),
                   "the deadline of %.6g s has passed: %s",
                   (double)deadline->allowed / POP_NS_PER_SECOND, advice);
    return POP_DEADLINE;
}

enum pop_status
pop_deadline_refuse(const struct pop_deadline *deadline,
                    struct pop_error *error)
{
    return tell(deadline,
                "nothing was sent; set a later one, or close() this "
                "connection",
                error);
}

enum pop_status
pop_deadline_end(const struct pop_deadline *deadline, struct pop_error *error)
{
    return tell(deadline,
                "close() this connection; for a server that is only slow set "
                "a later one",
                error);
}
