#include "core/deadline.h"

#include <limits.h>

#include "support.h"

static int
first_poll_ms(int64_t timeout)
{
    struct pop_deadline deadline;

    pop_deadline_set(&deadline, timeout);
    return pop_deadline_poll_ms(&deadline);
}

static void
test_forever_and_never(void **state)
{
    struct pop_deadline deadline;

    (void)state;
    pop_deadline_set(&deadline, POP_WAIT_FOREVER);
    assert_int_equal(pop_deadline_poll_ms(&deadline), -1);
    assert_int_equal(pop_deadline_poll_ms(&deadline), -1);
    pop_deadline_set(&deadline, POP_WAIT_NEVER);
    assert_int_equal(pop_deadline_poll_ms(&deadline), 0);
}

static void
test_milliseconds_are_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(first_poll_ms(1), 1);
    assert_int_equal(first_poll_ms(NS_PER_MS - 1), 1);
    assert_int_equal(first_poll_ms(NS_PER_MS), 1);
    assert_int_equal(first_poll_ms(NS_PER_MS + 1), 2);
    assert_int_equal(first_poll_ms(1500 * NS_PER_MS), 1500);
}

static void
test_long_timeouts_do_not_overflow(void **state)
{
    (void)state;
    assert_int_equal(first_poll_ms(INT_MAX * NS_PER_MS), INT_MAX);
    assert_int_equal(first_poll_ms(INT_MAX * NS_PER_MS + 1), INT_MAX);
    assert_int_equal(first_poll_ms(INT64_MAX), INT_MAX);
}

static void
test_clock_starts_at_the_first_wait(void **state)
{
    struct pop_deadline deadline;

    (void)state;
    pop_deadline_set(&deadline, 20 * NS_PER_MS);
    assert_false(deadline.armed);
    support_sleep_ms(25);
    assert_int_equal(pop_deadline_poll_ms(&deadline), 20);
    assert_true(deadline.armed);
}

static void
test_time_runs_out_once(void **state)
{
    struct pop_deadline deadline;

    (void)state;
    pop_deadline_set(&deadline, 40 * NS_PER_MS);
    assert_int_equal(pop_deadline_poll_ms(&deadline), 40);
    support_sleep_ms(20);
    assert_in_range(pop_deadline_poll_ms(&deadline), 0, 20);
    support_sleep_ms(25);
    assert_int_equal(pop_deadline_poll_ms(&deadline), 0);
    assert_int_equal(pop_deadline_poll_ms(&deadline), 0);
    pop_deadline_set(&deadline, 40 * NS_PER_MS);
    assert_int_equal(pop_deadline_poll_ms(&deadline), 40);
}

/* Sleeping what it says is never too short: no busy loop at the end. */
static void
test_waiting_what_it_says_ends_it(void **state)
{
    struct pop_deadline deadline;
    int64_t timeout;

    (void)state;
    for (timeout = 1; timeout <= 3 * NS_PER_MS; timeout += 700001) {
        pop_deadline_set(&deadline, timeout);
        support_sleep_ms(pop_deadline_poll_ms(&deadline));
        assert_int_equal(pop_deadline_poll_ms(&deadline), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_forever_and_never),
        UNIT_TEST(test_milliseconds_are_rounded_up),
        UNIT_TEST(test_long_timeouts_do_not_overflow),
        UNIT_TEST(test_clock_starts_at_the_first_wait),
        UNIT_TEST(test_time_runs_out_once),
        UNIT_TEST(test_waiting_what_it_says_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
