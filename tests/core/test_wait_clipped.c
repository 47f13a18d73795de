/* Waiting longer than one poll() can. */

#include <limits.h>
#include <poll.h>

#include "core/net/wait.h"
#include "support.h"

#define NS_PER_DAY (INT64_C(86400) * 1000000000)

static int polls;
static int last_milliseconds;

/* In place of the system's: the time is up at once, but for the third call. */
int
poll(struct pollfd *descriptors, nfds_t count, int milliseconds)
{
    (void)descriptors;
    (void)count;
    polls++;
    last_milliseconds = milliseconds;
    return polls == 3;
}

static enum pop_status
wait_for(int64_t timeout)
{
    struct pop_timeout deadline;
    struct pop_error error;

    polls = 0;
    pop_timeout_set(&deadline, timeout);
    return pop_wait_for(0, POLLIN, &deadline, &error);
}

static void
test_timeout_that_is_clipped_is_none(void **state)
{
    (void)state;
    assert_int_equal(wait_for(100 * NS_PER_DAY), POP_OK);
    assert_int_equal(polls, 3);
    assert_int_equal(last_milliseconds, INT_MAX);
}

static void
test_timeout_that_is_not_clipped(void **state)
{
    (void)state;
    assert_int_equal(wait_for(20 * NS_PER_DAY), POP_TIMEOUT);
    assert_int_equal(polls, 1);
    assert_int_equal(wait_for(POP_WAIT_NEVER), POP_TIMEOUT);
    assert_int_equal(polls, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_timeout_that_is_clipped_is_none),
        UNIT_TEST(test_timeout_that_is_not_clipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
