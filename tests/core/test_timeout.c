#include "core/net/timeout.h"

#include <limits.h>
#include <poll.h>
#include <string.h>

#include "core/net/wait.h"
#include "support.h"

static int
first_poll_ms(int64_t duration)
{
    struct pop_timeout timeout;

    pop_timeout_set(&timeout, duration);
    return pop_timeout_poll_ms(&timeout);
}

static void
test_forever_and_never(void **state)
{
    struct pop_timeout timeout;

    (void)state;
    pop_timeout_set(&timeout, POP_WAIT_FOREVER);
    assert_int_equal(pop_timeout_poll_ms(&timeout), -1);
    assert_int_equal(pop_timeout_poll_ms(&timeout), -1);
    pop_timeout_set(&timeout, POP_WAIT_NEVER);
    assert_int_equal(pop_timeout_poll_ms(&timeout), 0);
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
    struct pop_timeout timeout;

    (void)state;
    pop_timeout_set(&timeout, 20 * NS_PER_MS);
    assert_false(timeout.armed);
    support_sleep_ms(25);
    assert_int_equal(pop_timeout_poll_ms(&timeout), 20);
    assert_true(timeout.armed);
}

static void
test_time_runs_out_once(void **state)
{
    struct pop_timeout timeout;

    (void)state;
    pop_timeout_set(&timeout, 40 * NS_PER_MS);
    assert_int_equal(pop_timeout_poll_ms(&timeout), 40);
    support_sleep_ms(20);
    assert_uint_in_range(pop_timeout_poll_ms(&timeout), 0, 20);
    support_sleep_ms(25);
    assert_int_equal(pop_timeout_poll_ms(&timeout), 0);
    assert_int_equal(pop_timeout_poll_ms(&timeout), 0);
    pop_timeout_set(&timeout, 40 * NS_PER_MS);
    assert_int_equal(pop_timeout_poll_ms(&timeout), 40);
}

/* Sleeping what it says is never too short: no busy loop at the end. */
static void
test_waiting_what_it_says_ends_it(void **state)
{
    struct pop_timeout timeout;
    int64_t duration;

    (void)state;
    for (duration = 1; duration <= 3 * NS_PER_MS; duration += 700001) {
        pop_timeout_set(&timeout, duration);
        support_sleep_ms(pop_timeout_poll_ms(&timeout));
        assert_int_equal(pop_timeout_poll_ms(&timeout), 0);
    }
}

/* --- a deadline --------------------------------------------------------- */

static void
test_no_deadline(void **state)
{
    struct pop_deadline deadline;

    (void)state;
    pop_deadline_clear(&deadline);
    assert_false(pop_deadline_has_passed(&deadline));
    assert_int_equal(pop_deadline_left(&deadline), INT64_MAX);
    pop_deadline_start(&deadline, INT64_MAX);
    assert_int_equal(deadline.at, POP_NO_DEADLINE);
}

static void
test_a_deadline_passes(void **state)
{
    struct pop_deadline deadline;

    (void)state;
    pop_deadline_start(&deadline, 20 * NS_PER_MS);
    assert_false(pop_deadline_has_passed(&deadline));
    assert_uint_in_range(pop_deadline_left(&deadline), 1, 20 * NS_PER_MS);
    support_sleep_ms(21);
    assert_true(pop_deadline_has_passed(&deadline));
    assert_int_equal(pop_deadline_left(&deadline), 0);
}

static void
test_what_a_deadline_tells(void **state)
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
        struct pop_deadline deadline = {.allowed = cases[i].allowed};

        assert_int_equal(pop_deadline_end(&deadline, &error), POP_DEADLINE);
        assert_memory_equal(error.text, cases[i].text, strlen(cases[i].text));
        assert_non_null(strstr(error.text, ": close() this connection; "));
        assert_int_equal(pop_deadline_refuse(&deadline, &error), POP_DEADLINE);
        assert_memory_equal(error.text, cases[i].text, strlen(cases[i].text));
        assert_non_null(strstr(error.text, ": nothing was sent; "));
    }
}

/* The timeout ends the wait if it passes first, else the deadline does;
   neither matters if waiting is forbidden. */
static void
test_the_earlier_one_counts(void **state)
{
    struct pop_timeout timeout;
    struct pop_deadline deadline;

    (void)state;
    pop_deadline_start(&deadline, 5000 * NS_PER_MS);
    pop_timeout_set(&timeout, POP_WAIT_FOREVER);
    timeout.deadline = deadline;
    assert_uint_in_range(pop_timeout_poll_ms(&timeout), 4000, 5000);
    pop_timeout_set(&timeout, INT64_MAX);
    timeout.deadline = deadline;
    assert_uint_in_range(pop_timeout_poll_ms(&timeout), 4000, 5000);
    pop_timeout_set(&timeout, 100 * NS_PER_MS);
    timeout.deadline = deadline;
    assert_uint_in_range(pop_timeout_poll_ms(&timeout), 1, 100);
    pop_timeout_set(&timeout, POP_WAIT_NEVER);
    timeout.deadline = deadline;
    assert_int_equal(pop_timeout_poll_ms(&timeout), 0);
}

static enum pop_status
wait_within(int fd, short events, int64_t duration, int64_t allowed)
{
    struct pop_timeout timeout;
    struct pop_error error = {0};
    enum pop_status status;

    pop_timeout_set(&timeout, duration);
    pop_deadline_start(&timeout.deadline, allowed);
    status = pop_wait_for(fd, events, &timeout, &error);
    assert_int_equal(status == POP_DEADLINE, error.text[0] != '\0');
    return status;
}

static void
test_a_wait_ends_with_the_deadline(void **state)
{
    int64_t start = support_monotonic_ms();
    int fds[2];

    (void)state;
    support_socketpair(fds);
    assert_int_equal(
        wait_within(fds[0], POLLIN, POP_WAIT_FOREVER, 30 * NS_PER_MS),
        POP_DEADLINE);
    assert_uint_in_range(support_monotonic_ms() - start, 29, 5000);
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
        UNIT_TEST(test_no_deadline),
        UNIT_TEST(test_a_deadline_passes),
        UNIT_TEST(test_what_a_deadline_tells),
        UNIT_TEST(test_the_earlier_one_counts),
        UNIT_TEST(test_a_wait_ends_with_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
