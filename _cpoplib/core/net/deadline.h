/* Deadlines: the time by which all of the user's work must end.  Reads the
   monotonic clock; calls nothing else in core/. */

#ifndef POP_DEADLINE_H
#define POP_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/proto/status.h"

#define POP_NS_PER_SECOND INT64_C(1000000000)

/* Returns the monotonic clock in nanoseconds. */
int64_t pop_deadline_now(void);

/* Returns `at` + `duration`, at most INT64_MAX. */
int64_t pop_deadline_add(int64_t at, int64_t duration);

/* One deadline for any number of waits. */
struct pop_deadline {
    int64_t at;      /* monotonic nanoseconds, or POP_NO_DEADLINE */
    int64_t allowed; /* nanoseconds from its start to its end */
    bool is_pause;   /* silence until then is an answer: the wait returns
                        POP_TIMEOUT, not POP_DEADLINE */
};

#define POP_NO_DEADLINE INT64_MAX

void pop_deadline_clear(struct pop_deadline *deadline);

/* Starts a deadline that ends in `allowed` nanoseconds. */
void pop_deadline_start(struct pop_deadline *deadline, int64_t allowed);

/* Reads the clock only if there is a deadline. */
bool pop_deadline_has_passed(const struct pop_deadline *deadline);

/* Returns the nanoseconds left: 0 if the deadline has passed, INT64_MAX if
   there is none. */
int64_t pop_deadline_left(const struct pop_deadline *deadline);

/* Returns POP_DEADLINE for a command that is not sent; error->text says that
   the deadline has passed and what to do. */
enum pop_status pop_deadline_refuse(const struct pop_deadline *deadline,
                                    struct pop_error *error);

/* Returns POP_DEADLINE for an operation that the deadline ends; error->text
   says that it has passed and what to do. */
enum pop_status pop_deadline_end(const struct pop_deadline *deadline,
                                 struct pop_error *error);

#endif
