#include "core/net/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "socket_fixture.h"
#include "support.h"

static void
test_recv_times_out(void **state)
{
    struct fixture self;
    int64_t start;
    int round;

    (void)state;
    open_fixture(&self, false, 30 * NS_PER_MS);
    /* Before the first byte, and while a reply comes. */
    for (round = 0; round < 2; round++) {
        pop_timeout_set(&self.deadline, 30 * NS_PER_MS);
        start = support_monotonic_ms();
        assert_int_equal(receive(&self), POP_TIMEOUT);
        assert_true(support_monotonic_ms() - start >= 29);
        assert_int_equal(self.done, 0);
        peer_sends(&self, "+");
        pop_timeout_set(&self.deadline, 10000 * NS_PER_MS);
        assert_int_equal(receive(&self), POP_OK);
    }
    close_fixture(&self);
}

static void
test_send_times_out(void **state)
{
    struct fixture self;
    int64_t start;

    (void)state;
    open_fixture(&self, false, 30 * NS_PER_MS);
    support_shrink_send_buffer(self.fds[0]);
    support_fill_send_buffer(self.fds[0]);
    start = support_monotonic_ms();
    assert_int_equal(send_bytes(&self, "NOOP\r\n", 6), POP_TIMEOUT);
    assert_true(support_monotonic_ms() - start >= 29);
    assert_int_equal(self.done, 0);
    close_fixture(&self);
}

static void
test_wait_never(void **state)
{
    int blocking;

    (void)state;
    for (blocking = 0; blocking < 2; blocking++) {
        struct fixture self;

        open_fixture(&self, blocking, POP_WAIT_NEVER);
        assert_int_equal(receive(&self), POP_TIMEOUT);
        assert_int_equal(self.done, 0);
        peer_sends(&self, "+OK\r\n");
        assert_int_equal(receive(&self), POP_OK);
        assert_received(&self, "+OK\r\n");
        assert_int_equal(receive(&self), POP_TIMEOUT);
        assert_int_equal(send_bytes(&self, "NOOP\r\n", 6), POP_OK);
        assert_int_equal(self.done, 6);
        support_fill_send_buffer(self.fds[0]);
        assert_int_equal(send_bytes(&self, "NOOP\r\n", 6), POP_TIMEOUT);
        assert_int_equal(self.done, 0);
        assert_int_equal(shutdown(self.fds[1], SHUT_WR), 0);
        assert_int_equal(receive(&self), POP_EOF);
        close_fixture(&self);
    }
}

static void
test_socket_timeouts_count_in_blocking_mode(void **state)
{
    struct timeval limit = {0, 30000};
    struct fixture self;
    int64_t start;

    (void)state;
    open_fixture(&self, true, POP_WAIT_FOREVER);
    assert_int_equal(setsockopt(self.fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit,
                                sizeof(limit)),
                     0);
    assert_int_equal(setsockopt(self.fds[0], SOL_SOCKET, SO_SNDTIMEO, &limit,
                                sizeof(limit)),
                     0);
    start = support_monotonic_ms();
    assert_int_equal(receive(&self), POP_TIMEOUT);
    assert_true(support_monotonic_ms() - start >= 25);
    support_fill_send_buffer(self.fds[0]);
    start = support_monotonic_ms();
    assert_int_equal(send_bytes(&self, "NOOP\r\n", 6), POP_TIMEOUT);
    assert_true(support_monotonic_ms() - start >= 25);
    assert_int_equal(self.done, 0);
    close_fixture(&self);
}

/* Calls again after every signal; the deadline must go on, or this would not
   end. */
static enum pop_status
insist(struct fixture *self, enum pop_status (*operation)(struct fixture *),
       int *interruptions)
{
    enum pop_status status;

    *interruptions = 0;
    support_start_signals(5);
    do {
        status = operation(self);
    } while (status == POP_INTERRUPTED && ++*interruptions < 1000);
    support_stop_signals();
    return status;
}

static enum pop_status
send_a_command(struct fixture *self)
{
    return send_bytes(self, "NOOP\r\n", 6);
}

static void
test_signals_do_not_move_the_deadline(void **state)
{
    enum pop_status (*const operations[])(struct fixture *) = {receive,
                                                               send_a_command};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(operations); i++) {
        struct fixture self;
        int64_t start;
        int interruptions;

        open_fixture(&self, false, 40 * NS_PER_MS);
        support_fill_send_buffer(self.fds[0]);
        start = support_monotonic_ms();
        assert_int_equal(insist(&self, operations[i], &interruptions),
                         POP_TIMEOUT);
        assert_true(support_monotonic_ms() - start >= 39);
        assert_true(interruptions > 0);
        assert_int_equal(self.done, 0);
        close_fixture(&self);
    }
}

static void
test_signals_interrupt_without_a_deadline(void **state)
{
    enum pop_status (*const operations[])(struct fixture *) = {receive,
                                                               send_a_command};
    size_t i;
    int blocking;

    (void)state;
    for (i = 0; i < COUNT_OF(operations); i++) {
        for (blocking = 0; blocking < 2; blocking++) {
            struct fixture self;

            open_fixture(&self, blocking, POP_WAIT_FOREVER);
            support_fill_send_buffer(self.fds[0]);
            support_start_signals(5);
            assert_int_equal(operations[i](&self), POP_INTERRUPTED);
            support_stop_signals();
            assert_int_equal(self.done, 0);
            close_fixture(&self);
        }
    }
}

static void
interrupt(struct support_task *task)
{
    struct pop_transport *transport = task->context;

    transport->ops->interrupt(transport);
}

static void
test_blocking_socket_with_a_deadline(void **state)
{
    struct fixture self;
    int64_t start;

    (void)state;
    open_fixture(&self, true, 30 * NS_PER_MS);
    peer_sends(&self, "+");
    assert_int_equal(receive(&self), POP_OK);
    pop_timeout_set(&self.deadline, 30 * NS_PER_MS);
    start = support_monotonic_ms();
    assert_int_equal(receive(&self), POP_TIMEOUT);
    assert_true(support_monotonic_ms() - start >= 29);
    support_fill_send_buffer(self.fds[0]);
    pop_timeout_set(&self.deadline, 30 * NS_PER_MS);
    start = support_monotonic_ms();
    assert_int_equal(send_bytes(&self, "x", 1), POP_TIMEOUT);
    assert_true(support_monotonic_ms() - start >= 29);
    close_fixture(&self);
}

static void
test_no_descriptor(void **state)
{
    struct fixture self;

    (void)state;
    open_fixture(&self, false, 300 * NS_PER_MS);
    pop_transport_fd_set(self.transport, -1, false);
    assert_int_equal(receive(&self), POP_SYSTEM);
    assert_int_equal(self.error.sys, EBADF);
    close_fixture(&self);
}

static void
test_interrupt_wakes_a_blocked_recv(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(modes); i++) {
        struct fixture self;
        struct support_task task;

        open_on(&self, support_tcp_pair, modes[i].blocking, modes[i].timeout);
        task = (struct support_task){
            .delay_ms = 20, .context = self.transport, .run = interrupt};
        support_start(&task);
        assert_int_equal(receive(&self), POP_EOF);
        support_join(&task);
        close_fixture(&self);
    }
}

static void
test_interrupt_wakes_a_blocked_send(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(modes); i++) {
        struct fixture self;
        struct support_task task;

        open_fixture(&self, modes[i].blocking, modes[i].timeout);
        support_fill_send_buffer(self.fds[0]);
        task = (struct support_task){
            .delay_ms = 20, .context = self.transport, .run = interrupt};
        support_start(&task);
        assert_int_equal(send_bytes(&self, "NOOP\r\n", 6), POP_SYSTEM);
        assert_int_equal(self.error.sys, EPIPE);
        support_join(&task);
        close_fixture(&self);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_recv_times_out),
        UNIT_TEST(test_send_times_out),
        UNIT_TEST(test_wait_never),
        UNIT_TEST(test_socket_timeouts_count_in_blocking_mode),
        UNIT_TEST(test_signals_do_not_move_the_deadline),
        UNIT_TEST(test_signals_interrupt_without_a_deadline),
        UNIT_TEST(test_blocking_socket_with_a_deadline),
        UNIT_TEST(test_no_descriptor),
        UNIT_TEST(test_interrupt_wakes_a_blocked_recv),
        UNIT_TEST(test_interrupt_wakes_a_blocked_send),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
