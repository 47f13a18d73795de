#include "core/net/timeout.h"

#include <limits.h>
#include <poll.h>
#include <string.h>

#include "core/net/wait.h"
#include "support.h"

static int
first_poll_ms(int64_t timeout)
{
    struct pop_timeout deadline;

    pop_timeout_set(&deadline, timeout);
    return pop_timeout_poll_ms(&deadline);
}

static void
test_forever_and_never(void **state)
{
    struct pop_timeout deadline;

    (void)state;
    pop_timeout_set(&deadline, POP_WAIT_FOREVER);
    assert_int_equal(pop_timeout_poll_ms(&deadline), -1);
    assert_int_equal(pop_timeout_poll_ms(&deadline), -1);
    pop_timeout_set(&deadline, POP_WAIT_NEVER);
    assert_int_equal(pop_timeout_poll_ms(&deadline), 0);
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
    struct pop_timeout deadline;

    (void)state;
    pop_timeout_set(&deadline, 20 * NS_PER_MS);
    assert_false(deadline.armed);
    support_sleep_ms(25);
    assert_int_equal(pop_timeout_poll_ms(&deadline), 20);
    assert_true(deadline.armed);
}

static void
test_time_runs_out_once(void **state)
{
    struct pop_timeout deadline;

    (void)state;
    pop_timeout_set(&deadline, 40 * NS_PER_MS);
    assert_int_equal(pop_timeout_poll_ms(&deadline), 40);
    support_sleep_ms(20);
    assert_in_range(pop_timeout_poll_ms(&deadline), 0, 20);
    support_sleep_ms(25);
    assert_int_equal(pop_timeout_poll_ms(&deadline), 0);
    assert_int_equal(pop_timeout_poll_ms(&deadline), 0);
    pop_timeout_set(&deadline, 40 * NS_PER_MS);
    assert_int_equal(pop_timeout_poll_ms(&deadline), 40);
}

/* Sleeping what it says is never too short: no busy loop at the end. */
static void
test_waiting_what_it_says_ends_it(void **state)
{
    struct pop_timeout deadline;
    int64_t timeout;

    (void)state;
    for (timeout = 1; timeout <= 3 * NS_PER_MS; timeout += 700001) {
        pop_timeout_set(&deadline, timeout);
        support_sleep_ms(pop_timeout_poll_ms(&deadline));
        assert_int_equal(pop_timeout_poll_ms(&deadline), 0);
    }
}

/* --- a limit ------------------------------------------------------------ */

static void
test_no_limit(void **state)
{
    struct pop_deadline limit;

    (void)state;
    pop_deadline_clear(&limit);
    assert_false(pop_deadline_has_passed(&limit));
    assert_int_equal(pop_deadline_left(&limit), INT64_MAX);
    pop_deadline_start(&limit, INT64_MAX);
    assert_int_equal(limit.at, POP_NO_DEADLINE);
}

static void
test_a_limit_passes(void **state)
{
    struct pop_deadline limit;

    (void)state;
    pop_deadline_start(&limit, 20 * NS_PER_MS);
    assert_false(pop_deadline_has_passed(&limit));
    assert_in_range(pop_deadline_left(&limit), 1, 20 * NS_PER_MS);
    support_sleep_ms(21);
    assert_true(pop_deadline_has_passed(&limit));
    assert_int_equal(pop_deadline_left(&limit), 0);
}

static void
test_what_a_limit_tells(void **state)
{
    const struct {
        int64_t allowed;
        const char *text;
    } cases[] = {
        {30000 * NS_PER_MS, "the deadline of 30 s has passed: "},
        {200 * NS_PER_MS + 1, "the deadline of 0.2 s has passed: "},
        {INT64_C(86400000) * NS_PER_MS,
         "the deadline of 86400 s has passed: "},
    };
    struct pop_error error = {0};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(cases); i++) {
        struct pop_deadline limit = {.allowed = cases[i].allowed};

        assert_int_equal(pop_deadline_end(&limit, &error), POP_DEADLINE);
        assert_memory_equal(error.text, cases[i].text, strlen(cases[i].text));
        assert_non_null(strstr(error.text, ": close() this connection; "));
        assert_int_equal(pop_deadline_refuse(&limit, &error), POP_DEADLINE);
        assert_memory_equal(error.text, cases[i].text, strlen(cases[i].text));
        assert_non_null(strstr(error.text, ": nothing was sent; "));
    }
}

/* The timeout counts if it is over first, the limit if that is; and neither
   where nothing may wait. */
static void
test_the_earlier_one_counts(void **state)
{
    struct pop_timeout deadline;
    struct pop_deadline limit;

    (void)state;
    pop_deadline_start(&limit, 5000 * NS_PER_MS);
    pop_timeout_set(&deadline, POP_WAIT_FOREVER);
    deadline.limit = limit;
    assert_in_range(pop_timeout_poll_ms(&deadline), 4000, 5000);
    pop_timeout_set(&deadline, INT64_MAX);
    deadline.limit = limit;
    assert_in_range(pop_timeout_poll_ms(&deadline), 4000, 5000);
    pop_timeout_set(&deadline, 100 * NS_PER_MS);
    deadline.limit = limit;
    assert_in_range(pop_timeout_poll_ms(&deadline), 1, 100);
    pop_timeout_set(&deadline, POP_WAIT_NEVER);
    deadline.limit = limit;
    assert_int_equal(pop_timeout_poll_ms(&deadline), 0);
}

static enum pop_status
wait_within(int fd, short events, int64_t timeout, int64_t allowed)
{
    struct pop_timeout deadline;
    struct pop_error error = {0};
    enum pop_status status;

    pop_timeout_set(&deadline, timeout);
    pop_deadline_start(&deadline.limit, allowed);
    status = pop_wait_for(fd, events, &deadline, &error);
    assert_int_equal(status == POP_DEADLINE, error.text[0] != '\0');
    return status;
}

static void
test_a_wait_ends_with_the_limit(void **state)
{
    int64_t start = support_monotonic_ms();
    int fds[2];

    (void)state;
    support_socketpair(fds);
    assert_int_equal(
        wait_within(fds[0], POLLIN, POP_WAIT_FOREVER, 30 * NS_PER_MS),
        POP_DEADLINE);
    assert_in_range(support_monotonic_ms() - start, 29, 5000);
    assert_int_equal(
        wait_within(fds[0], POLLIN, 5000 * NS_PER_MS, 30 * NS_PER_MS),
        POP_DEADLINE);
    assert_int_equal(
        wait_within(fds[0], POLLIN, 20 * NS_PER_MS, 5000 * NS_PER_MS),
        POP_TIMEOUT);
    assert_int_equal(
        wait_within(fds[0], POLLOUT, POP_WAIT_FOREVER, 5000 * NS_PER_MS),
        POP_OK);
    /* Also where nothing has to be waited for. */
    assert_int_equal(wait_within(fds[0], POLLOUT, POP_WAIT_FOREVER, 0),
                     POP_DEADLINE);
    support_close_pair(fds);
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
        UNIT_TEST(test_no_limit),
        UNIT_TEST(test_a_limit_passes),
        UNIT_TEST(test_what_a_limit_tells),
        UNIT_TEST(test_the_earlier_one_counts),
        UNIT_TEST(test_a_wait_ends_with_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
