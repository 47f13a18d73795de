/* When everything has to be over, on the monotonic clock. */

#ifndef POP_LIMIT_H
#define POP_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

#define POP_NS_PER_SECOND INT64_C(1000000000)

/* Monotonic nanoseconds. */
int64_t pop_limit_now(void);

/* So many nanoseconds after `at`, or INT64_MAX. */
int64_t pop_limit_add(int64_t at, int64_t duration);

/* Whatever is waited for until then, and however often. */
struct pop_limit {
    int64_t at;      /* monotonic nanoseconds, or POP_LIMIT_NONE */
    int64_t allowed; /* nanoseconds that this was from its beginning */
    bool is_pause;   /* that nothing comes is an answer, whoever ends the wait:
                        POP_TIMEOUT */
};

#define POP_LIMIT_NONE INT64_MAX

void pop_limit_clear(struct pop_limit *limit);

/* So many nanoseconds from now. */
void pop_limit_start(struct pop_limit *limit, int64_t allowed);

/* The clock is read only if there is a limit. */
bool pop_limit_has_passed(const struct pop_limit *limit);

/* Nanoseconds until then; 0 if it has passed, INT64_MAX if there is none. */
int64_t pop_limit_left(const struct pop_limit *limit);

/* POP_DEADLINE, and in error->text what has passed and what is to be done
   about a command that is not sent. */
enum pop_status pop_limit_refuse(const struct pop_limit *limit,
                                 struct pop_error *error);

/* The same about an operation that it has ended. */
enum pop_status pop_limit_end(const struct pop_limit *limit,
                              struct pop_error *error);

#endif
