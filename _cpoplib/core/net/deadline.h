/* When everything has to be over, on the monotonic clock. */

#ifndef POP_DEADLINE_H
#define POP_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/proto/status.h"

#define POP_NS_PER_SECOND INT64_C(1000000000)

/* Monotonic nanoseconds. */
int64_t pop_deadline_now(void);

/* So many nanoseconds after `at`, or INT64_MAX. */
int64_t pop_deadline_add(int64_t at, int64_t duration);

/* Whatever is waited for until then, and however often. */
struct pop_deadline {
    int64_t at;      /* monotonic nanoseconds, or POP_NO_DEADLINE */
    int64_t allowed; /* nanoseconds that this was from its beginning */
    bool is_pause;   /* that nothing comes is an answer, whoever ends the wait:
                        POP_TIMEOUT */
};

#define POP_NO_DEADLINE INT64_MAX

void pop_deadline_clear(struct pop_deadline *limit);

/* So many nanoseconds from now. */
void pop_deadline_start(struct pop_deadline *limit, int64_t allowed);

/* The clock is read only if there is a limit. */
bool pop_deadline_has_passed(const struct pop_deadline *limit);

/* Nanoseconds until then; 0 if it has passed, INT64_MAX if there is none. */
int64_t pop_deadline_left(const struct pop_deadline *limit);

/* POP_DEADLINE, and in error->text what has passed and what is to be done
   about a command that is not sent. */
enum pop_status pop_deadline_refuse(const struct pop_deadline *limit,
                                    struct pop_error *error);

/* The same about an operation that it has ended. */
enum pop_status pop_deadline_end(const struct pop_deadline *limit,
                                 struct pop_error *error);

#endif
