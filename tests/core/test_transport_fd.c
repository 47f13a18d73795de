#include "core/net/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket_fixture.h"
#include "support.h"

#define LARGE ((size_t)1024 * 1024)

static void
test_recv_gives_what_is_there(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(modes); i++) {
        struct fixture self;

        open_fixture(&self, modes[i].blocking, modes[i].timeout);
        peer_sends(&self, "+OK\r\n");
        assert_int_equal(receive(&self), POP_OK);
        assert_received(&self, "+OK\r\n");
        close_fixture(&self);
    }
}

static void
test_recv_stores_no_more_than_there_is_room(void **state)
{
    struct fixture self;
    struct support_page page = support_page_new("...", 3);

    (void)state;
    open_fixture(&self, false, POP_WAIT_FOREVER);
    peer_sends(&self, "abcde");
    assert_int_equal(self.transport->ops->recv(self.transport, page.bytes, 3,
                                               &self.done, &self.timeout,
                                               &self.error),
                     POP_OK);
    assert_int_equal(self.done, 3);
    assert_memory_equal(page.bytes, "abc", 3);
    assert_int_equal(receive(&self), POP_OK);
    assert_received(&self, "de");
    support_page_free(&page);
    close_fixture(&self);
}

static void
test_recv_waits_for_the_first_byte_and_for_later_ones(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(modes); i++) {
        struct fixture self;
        int round;

        open_fixture(&self, modes[i].blocking, modes[i].timeout);
        for (round = 0; round < 2; round++) {
            struct support_task task = {.delay_ms = 20,
                                        .fd = self.fds[1],
                                        .bytes = "+OK\r\n",
                                        .length = 5,
                                        .run = support_send_all};

            support_start(&task);
            assert_int_equal(receive(&self), POP_OK);
            assert_received(&self, "+OK\r\n");
            support_join(&task);
        }
        close_fixture(&self);
    }
}

static void
test_eof_comes_after_the_last_byte(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(modes); i++) {
        struct fixture self;

        open_fixture(&self, modes[i].blocking, modes[i].timeout);
        peer_sends(&self, "bye");
        assert_int_equal(shutdown(self.fds[1], SHUT_WR), 0);
        assert_int_equal(receive(&self), POP_OK);
        assert_received(&self, "bye");
        assert_int_equal(receive(&self), POP_EOF);
        assert_int_equal(self.done, 0);
        assert_int_equal(receive(&self), POP_EOF);
        close_fixture(&self);
    }
}

static bool
is_readable(const struct fixture *self)
{
    return self->transport->ops->readable(self->transport);
}

static void
test_readable_means_bytes(void **state)
{
    int blocking;

    (void)state;
    for (blocking = 0; blocking < 2; blocking++) {
        struct fixture self;

        open_fixture(&self, blocking, POP_WAIT_FOREVER);
        assert_false(is_readable(&self));
        peer_sends(&self, "x");
        assert_true(is_readable(&self));
        assert_true(is_readable(&self));
        assert_int_equal(receive(&self), POP_OK);
        assert_received(&self, "x");
        assert_false(is_readable(&self));
        assert_int_equal(shutdown(self.fds[1], SHUT_WR), 0);
        assert_false(is_readable(&self));
        pop_transport_fd_set(self.transport, -1, blocking);
        assert_false(is_readable(&self));
        close_fixture(&self);
    }
}

static void
test_reset_is_a_system_error(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(modes); i++) {
        struct linger at_once = {1, 0};
        struct fixture self;

        open_on(&self, support_tcp_pair, modes[i].blocking, modes[i].timeout);
        assert_int_equal(setsockopt(self.fds[1], SOL_SOCKET, SO_LINGER,
                                    &at_once, sizeof(at_once)),
                         0);
        assert_int_equal(close(self.fds[1]), 0);
        /* Asking does not take the error away. */
        assert_false(is_readable(&self));
        assert_int_equal(receive(&self), POP_SYSTEM);
        assert_int_equal(self.error.sys, ECONNRESET);
        assert_int_equal(self.done, 0);
        /* No SIGPIPE, which would end this program. */
        assert_int_equal(send_bytes(&self, "QUIT\r\n", 6), POP_SYSTEM);
        assert_int_equal(self.error.sys, EPIPE);
        assert_int_equal(self.done, 0);
        self.fds[1] = dup(self.fds[0]);
        close_fixture(&self);
    }
}

static void
test_closed_descriptor_is_a_system_error(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(modes); i++) {
        struct fixture self;
        int closed;

        open_fixture(&self, modes[i].blocking, modes[i].timeout);
        closed = dup(self.fds[0]);
        assert_int_equal(close(closed), 0);
        pop_transport_fd_set(self.transport, closed, modes[i].blocking);
        assert_int_equal(receive(&self), POP_SYSTEM);
        assert_int_equal(self.error.sys, EBADF);
        assert_int_equal(send_bytes(&self, "NOOP\r\n", 6), POP_SYSTEM);
        assert_int_equal(self.error.sys, EBADF);
        assert_int_equal(self.done, 0);
        close_fixture(&self);
    }
}

static void
test_descriptor_can_change(void **state)
{
    struct fixture self;
    int other[2];

    (void)state;
    open_fixture(&self, false, POP_WAIT_FOREVER);
    support_socketpair(other);
    pop_transport_fd_set(self.transport, other[0], false);
    assert_int_equal(send_bytes(&self, "NOOP\r\n", 6), POP_OK);
    assert_int_equal(send(other[1], "+OK\r\n", 5, 0), 5);
    assert_int_equal(receive(&self), POP_OK);
    assert_received(&self, "+OK\r\n");
    support_close_pair(other);
    close_fixture(&self);
}

static void
test_partial_sends_add_up(void **state)
{
    static char bytes[LARGE];
    static char received[LARGE];
    size_t i;
    size_t mode;

    (void)state;
    for (i = 0; i < LARGE; i++) {
        bytes[i] = (char)(i % 251);
    }
    for (mode = 0; mode < COUNT_OF(modes); mode++) {
        struct fixture self;
        struct support_task task;
        size_t sent = 0;
        size_t sends = 0;

        open_fixture(&self, modes[mode].blocking, modes[mode].timeout);
        support_shrink_send_buffer(self.fds[0]);
        memset(received, 0, LARGE);
        task = (struct support_task){.fd = self.fds[1],
                                     .space = received,
                                     .length = LARGE,
                                     .run = support_receive_all};
        support_start(&task);
        for (; sent < LARGE; sent += self.done) {
            assert_int_equal(send_bytes(&self, bytes + sent, LARGE - sent),
                             POP_OK);
            assert_uint_in_range(self.done, 1, LARGE - sent);
            sends++;
        }
        support_join(&task);
        assert_int_equal(task.done, LARGE);
        assert_memory_equal(received, bytes, LARGE);
        assert_true(modes[mode].blocking || sends > 1);
        close_fixture(&self);
    }
}

static void
test_destroy_does_not_close_the_descriptor(void **state)
{
    struct fixture self;

    (void)state;
    open_fixture(&self, false, POP_WAIT_FOREVER);
    self.transport->ops->destroy(self.transport);
    peer_sends(&self, "x");
    assert_int_equal(recv(self.fds[0], self.space, 1, 0), 1);
    support_close_pair(self.fds);
}

static void
test_it_runs_without_python(void **state)
{
    struct fixture self;

    (void)state;
    open_fixture(&self, false, POP_WAIT_FOREVER);
    assert_false(self.transport->ops->needs_gil);
    close_fixture(&self);
}

static void
test_failed_allocation(void **state)
{
    (void)state;
    support_fail_allocation(0);
    assert_null(pop_transport_fd_new());
    assert_true(support_stop_failing());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_recv_gives_what_is_there),
        UNIT_TEST(test_recv_stores_no_more_than_there_is_room),
        UNIT_TEST(test_recv_waits_for_the_first_byte_and_for_later_ones),
        UNIT_TEST(test_eof_comes_after_the_last_byte),
        UNIT_TEST(test_readable_means_bytes),
        UNIT_TEST(test_reset_is_a_system_error),
        UNIT_TEST(test_closed_descriptor_is_a_system_error),
        UNIT_TEST(test_descriptor_can_change),
        UNIT_TEST(test_partial_sends_add_up),
        UNIT_TEST(test_destroy_does_not_close_the_descriptor),
        UNIT_TEST(test_it_runs_without_python),
        UNIT_TEST(test_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
