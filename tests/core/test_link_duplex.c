/* Receiving while what is queued is sent. */

#include "core/net/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "script.h"
#include "support.h"

#define MANY ((size_t)4 * 1024 * 1024)

struct pair {
    int fds[2];
    struct pop_link link;
    struct pop_error error;
};

static void
open_pair(struct pair *self, int64_t timeout, bool blocking)
{
    memset(self, 0, sizeof(*self));
    support_socketpair(self->fds);
    support_shrink_send_buffer(self->fds[0]);
    support_shrink_send_buffer(self->fds[1]);
    pop_link_init(&self->link);
    self->link.transport = pop_transport_fd_new();
    assert_non_null(self->link.transport);
    self->link.timeout = timeout;
    pop_transport_fd_set(self->link.transport, self->fds[0], blocking);
}

static void
close_pair(struct pair *self)
{
    self->link.transport->ops->destroy(self->link.transport);
    pop_link_release(&self->link);
    support_close_pair(self->fds);
}

static void
queue(struct pair *self, size_t length)
{
    char *bytes = calloc(1, length);

    assert_non_null(bytes);
    assert_int_equal(pop_buffer_append(&self->link.out, bytes, length),
                     POP_OK);
    free(bytes);
}

/* A peer that takes nothing before all that it sends is taken. */
static void
send_then_receive(struct support_task *task)
{
    struct support_task sending = *task;
    struct support_task receiving = *task;

    support_send_all(&sending);
    support_receive_all(&receiving);
    task->done = receiving.done;
}

static void
peer_that_sends_first(int64_t timeout, bool blocking)
{
    char *bytes = calloc(1, MANY);
    char *space = malloc(MANY);
    struct pair self;
    struct support_task task;
    size_t received = 0;

    assert_non_null(bytes);
    assert_non_null(space);
    open_pair(&self, timeout, blocking);
    queue(&self, MANY);
    task = (struct support_task){.fd = self.fds[1],
                                 .bytes = bytes,
                                 .space = space,
                                 .length = MANY,
                                 .run = send_then_receive};
    support_start(&task);
    while (received < MANY) {
        assert_int_equal(pop_link_fill(&self.link, &self.error), POP_OK);
        received += pop_buffer_length(&self.link.in);
        pop_buffer_consume(&self.link.in, pop_buffer_length(&self.link.in));
    }
    while (pop_buffer_length(&self.link.out) > 0) {
        assert_int_equal(pop_link_push(&self.link, &self.error), POP_OK);
    }
    support_join(&task);
    assert_int_equal(task.done, MANY);
    close_pair(&self);
    free(bytes);
    free(space);
}

static void
test_neither_side_waits_for_the_other(void **state)
{
    (void)state;
    peer_that_sends_first(10000 * NS_PER_MS, false);
    peer_that_sends_first(POP_WAIT_FOREVER, true);
}

static void
test_push_does_not_wait(void **state)
{
    struct pair self;

    (void)state;
    open_pair(&self, POP_WAIT_FOREVER, true);
    queue(&self, MANY);
    assert_int_equal(pop_link_push(&self.link, &self.error), POP_OK);
    assert_uint_in_range(pop_buffer_length(&self.link.out), 1, MANY - 1);
    close_pair(&self);
}

static void
test_timeout(void **state)
{
    int64_t start = support_monotonic_ms();
    struct pair self;

    (void)state;
    open_pair(&self, 50 * NS_PER_MS, false);
    queue(&self, MANY);
    assert_int_equal(pop_link_fill(&self.link, &self.error), POP_TIMEOUT);
    assert_uint_in_range(support_monotonic_ms() - start, 50, 1000);
    self.link.timeout = POP_WAIT_NEVER;
    assert_int_equal(pop_link_fill(&self.link, &self.error), POP_TIMEOUT);
    close_pair(&self);
}

static void
test_signals_do_not_prolong_the_wait(void **state)
{
    int64_t start = support_monotonic_ms();
    enum pop_status status;
    struct pair self;

    (void)state;
    open_pair(&self, 60 * NS_PER_MS, false);
    queue(&self, MANY);
    support_start_signals(5);
    do {
        status = pop_link_fill(&self.link, &self.error);
    } while (status == POP_INTERRUPTED);
    support_stop_signals();
    assert_int_equal(status, POP_TIMEOUT);
    assert_uint_in_range(support_monotonic_ms() - start, 60, 1000);
    close_pair(&self);
}

/* What the peer has said before it went comes first. */
static void
test_peer_that_is_gone(void **state)
{
    struct pair self;

    (void)state;
    open_pair(&self, 1000 * NS_PER_MS, false);
    assert_int_equal(send(self.fds[1], "bye", 3, 0), 3);
    assert_int_equal(shutdown(self.fds[1], SHUT_RDWR), 0);
    queue(&self, 10);
    assert_int_equal(pop_link_push(&self.link, &self.error), POP_OK);
    assert_int_equal(pop_link_fill(&self.link, &self.error), POP_OK);
    assert_int_equal(pop_buffer_length(&self.link.in), 3);
    assert_int_equal(pop_link_fill(&self.link, &self.error), POP_EOF);
    close_pair(&self);
}

/* Nothing can be sent, and nothing comes that would say so. */
static void
test_failed_sending(void **state)
{
    struct pair self;

    (void)state;
    open_pair(&self, 1000 * NS_PER_MS, false);
    assert_int_equal(shutdown(self.fds[0], SHUT_WR), 0);
    queue(&self, 10);
    assert_int_equal(pop_link_fill(&self.link, &self.error), POP_SYSTEM);
    assert_int_equal(self.error.sys, EPIPE);
    close_pair(&self);
}

/* A transport that can't wait for both sends first. */
static void
test_half_duplex(void **state)
{
    static const char text[] = "+OK\r\n";
    struct script script;
    struct pop_link link;
    struct pop_error error = {0};

    (void)state;
    open_script(&script, &link, text, 5);
    assert_true(pop_link_is_half_duplex(&link));
    assert_int_equal(pop_buffer_append(&link.out, text, 5), POP_OK);
    assert_int_equal(pop_link_fill(&link, &error), POP_OK);
    assert_int_equal(script.sent, 5);
    assert_int_equal(pop_buffer_length(&link.out), 0);
    assert_int_equal(pop_buffer_append(&link.out, text, 0), POP_OK);
    assert_int_equal(pop_link_push(&link, &error), POP_OK);
    pop_link_release(&link);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_neither_side_waits_for_the_other),
        UNIT_TEST(test_push_does_not_wait),
        UNIT_TEST(test_timeout),
        UNIT_TEST(test_signals_do_not_prolong_the_wait),
        UNIT_TEST(test_peer_that_is_gone),
        UNIT_TEST(test_failed_sending),
        UNIT_TEST(test_half_duplex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
