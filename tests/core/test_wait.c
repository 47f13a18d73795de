#include "core/net/wait.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

static enum pop_status
wait_for(int fd, short events, int64_t duration, struct pop_error *error)
{
    struct pop_timeout timeout;

    pop_timeout_set(&timeout, duration);
    return pop_wait_for(fd, events, &timeout, error);
}

static void
test_what_is_ready_is_not_waited_for(void **state)
{
    static const int64_t timeouts[] = {POP_WAIT_NEVER, POP_WAIT_FOREVER,
                                       10000 * NS_PER_MS};
    struct pop_error error;
    int fds[2];
    size_t i;

    (void)state;
    support_socketpair(fds);
    assert_int_equal(send(fds[1], "+", 1, 0), 1);
    for (i = 0; i < COUNT_OF(timeouts); i++) {
        assert_int_equal(wait_for(fds[0], POLLIN, timeouts[i], &error),
                         POP_OK);
        assert_int_equal(wait_for(fds[0], POLLOUT, timeouts[i], &error),
                         POP_OK);
    }
    support_close_pair(fds);
}

static void
test_each_event_is_waited_for_alone(void **state)
{
    struct pop_error error;
    int fds[2];

    (void)state;
    support_socketpair(fds);
    assert_int_equal(wait_for(fds[0], POLLIN, POP_WAIT_NEVER, &error),
                     POP_TIMEOUT);
    assert_int_equal(send(fds[1], "+", 1, 0), 1);
    support_fill_send_buffer(fds[0]);
    assert_int_equal(wait_for(fds[0], POLLOUT, POP_WAIT_NEVER, &error),
                     POP_TIMEOUT);
    assert_int_equal(wait_for(fds[0], POLLIN, POP_WAIT_NEVER, &error), POP_OK);
    support_close_pair(fds);
}

static void
test_what_comes_ends_the_wait(void **state)
{
    static const int64_t timeouts[] = {POP_WAIT_FOREVER, 10000 * NS_PER_MS};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(timeouts); i++) {
        struct support_task task = {.delay_ms = 20,
                                    .bytes = "+",
                                    .length = 1,
                                    .run = support_send_all};
        struct pop_error error;
        int64_t start = support_monotonic_ms();
        int fds[2];

        support_socketpair(fds);
        task.fd = fds[1];
        support_start(&task);
        assert_int_equal(wait_for(fds[0], POLLIN, timeouts[i], &error),
                         POP_OK);
        assert_uint_in_range(support_monotonic_ms() - start, 19, 5000);
        support_join(&task);
        support_close_pair(fds);
    }
}

static void
test_time_runs_out(void **state)
{
    struct pop_timeout timeout;
    struct pop_error error;
    int64_t start = support_monotonic_ms();
    int fds[2];

    (void)state;
    support_socketpair(fds);
    pop_timeout_set(&timeout, 30 * NS_PER_MS);
    assert_int_equal(pop_wait_for(fds[0], POLLIN, &timeout, &error),
                     POP_TIMEOUT);
    assert_uint_in_range(support_monotonic_ms() - start, 29, 5000);
    /* It is over for the next wait, too. */
    start = support_monotonic_ms();
    assert_int_equal(pop_wait_for(fds[0], POLLIN, &timeout, &error),
                     POP_TIMEOUT);
    assert_uint_in_range(support_monotonic_ms() - start, 0, 20);
    support_close_pair(fds);
}

static void
test_signals_do_not_move_the_deadline(void **state)
{
    struct pop_timeout timeout;
    struct pop_error error;
    enum pop_status status;
    int64_t start = support_monotonic_ms();
    int interruptions = 0;
    int fds[2];

    (void)state;
    support_socketpair(fds);
    pop_timeout_set(&timeout, 40 * NS_PER_MS);
    support_start_signals(5);
    do {
        status = pop_wait_for(fds[0], POLLIN, &timeout, &error);
    } while (status == POP_INTERRUPTED && ++interruptions < 1000);
    support_stop_signals();
    assert_int_equal(status, POP_TIMEOUT);
    assert_true(interruptions > 0);
    assert_uint_in_range(support_monotonic_ms() - start, 39, 5000);
    support_close_pair(fds);
}

/* What has become of the peer, or of the descriptor, is for the system call
   that follows to tell. */
static void
test_the_end_is_worth_a_system_call(void **state)
{
    struct pop_error error;
    int fds[2];
    int closed;

    (void)state;
    support_socketpair(fds);
    closed = dup(fds[0]);
    assert_int_equal(close(closed), 0);
    assert_int_equal(wait_for(closed, POLLIN, POP_WAIT_FOREVER, &error),
                     POP_OK);
    assert_int_equal(shutdown(fds[1], SHUT_RDWR), 0);
    assert_int_equal(wait_for(fds[0], POLLIN, POP_WAIT_FOREVER, &error),
                     POP_OK);
    assert_int_equal(wait_for(fds[0], POLLOUT, POP_WAIT_FOREVER, &error),
                     POP_OK);
    support_close_pair(fds);
}

static void
test_no_descriptor_is_not_waited_for(void **state)
{
    struct pop_error error = {0};

    (void)state;
    assert_int_equal(wait_for(-1, POLLIN, POP_WAIT_FOREVER, &error),
                     POP_SYSTEM);
    assert_int_equal(error.sys, EBADF);
}

static void
test_what_is_due(void **state)
{
    (void)state;
    assert_true(pop_wait_is_due(EAGAIN));
    assert_true(pop_wait_is_due(EWOULDBLOCK));
    assert_false(pop_wait_is_due(EINTR));
    assert_false(pop_wait_is_due(ECONNRESET));
    assert_false(pop_wait_is_due(0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_what_is_ready_is_not_waited_for),
        UNIT_TEST(test_each_event_is_waited_for_alone),
        UNIT_TEST(test_what_comes_ends_the_wait),
        UNIT_TEST(test_time_runs_out),
        UNIT_TEST(test_signals_do_not_move_the_deadline),
        UNIT_TEST(test_the_end_is_worth_a_system_call),
        UNIT_TEST(test_no_descriptor_is_not_waited_for),
        UNIT_TEST(test_what_is_due),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
