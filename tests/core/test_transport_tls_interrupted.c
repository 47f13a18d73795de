#include "core/net/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tls_fixture.h"

typedef enum pop_status (*operation)(struct tls_fixture *self);

static enum pop_status
send_a_command(struct tls_fixture *self)
{
    return tls_send(self, "NOOP\r\n", 6);
}

static const operation operations[] = {tls_handshake, tls_receive,
                                       send_a_command, tls_shutdown};

/* Whatever the operation, it has to wait. */
static void
open_stuck(struct tls_fixture *self, size_t index,
           void (*connect_pair)(int fds[2]))
{
    const struct tls_setup setup = {.connect_pair = connect_pair};

    if (operations[index] == tls_handshake) {
        open_tls(self, &setup);
        return;
    }
    connect_tls(self, &setup);
    if (operations[index] == send_a_command) {
        support_shrink_send_buffer(self->fds[0]);
        support_fill_send_buffer(self->fds[0]);
    }
}

/* --- signals ------------------------------------------------------------ */

/* Calls again after every signal; the deadline must go on, or this would not
   end. */
static enum pop_status
insist(struct tls_fixture *self, operation run, int *interruptions)
{
    enum pop_status status;

    *interruptions = 0;
    support_start_signals(5);
    do {
        status = run(self);
    } while (status == POP_INTERRUPTED && ++*interruptions < 1000);
    support_stop_signals();
    return status;
}

static void
test_signals_do_not_move_the_deadline(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(operations); i++) {
        struct tls_fixture self;
        int interruptions;
        int64_t start;

        open_stuck(&self, i, NULL);
        pop_timeout_set(&self.deadline, 40 * NS_PER_MS);
        start = support_monotonic_ms();
        assert_int_equal(insist(&self, operations[i], &interruptions),
                         POP_TIMEOUT);
        assert_in_range(support_monotonic_ms() - start, 39, 5000);
        assert_true(interruptions > 0);
        close_tls(&self);
    }
}

static void
test_signals_interrupt_without_a_deadline(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(operations); i++) {
        struct tls_fixture self;

        open_stuck(&self, i, NULL);
        pop_timeout_set(&self.deadline, POP_WAIT_FOREVER);
        support_start_signals(5);
        assert_int_equal(operations[i](&self), POP_INTERRUPTED);
        support_stop_signals();
        close_tls(&self);
    }
}

static void
test_an_interrupted_handshake_goes_on(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        const struct tls_setup setup = {.version = versions[i]};
        struct support_task task = {.run = server_shake_hands};
        struct tls_fixture self;
        int interruptions;

        open_tls(&self, &setup);
        pop_timeout_set(&self.deadline, 10000 * NS_PER_MS);
        support_start_signals(5);
        assert_int_equal(tls_handshake(&self), POP_INTERRUPTED);
        support_stop_signals();
        task.context = &self.server;
        support_start(&task);
        assert_int_equal(insist(&self, tls_handshake, &interruptions), POP_OK);
        support_join(&task);
        close_tls(&self);
    }
}

static void
test_an_interrupted_send_goes_on(void **state)
{
    struct support_task task = {.delay_ms = 30, .run = support_receive_all};
    struct tls_fixture self;
    int interruptions;

    (void)state;
    connect_version(&self, 0);
    task.length = support_fill_send_buffer(self.fds[0]);
    task.space = malloc(task.length);
    task.fd = self.fds[1];
    assert_non_null(task.space);
    pop_timeout_set(&self.deadline, 10000 * NS_PER_MS);
    support_start_signals(5);
    assert_int_equal(send_a_command(&self), POP_INTERRUPTED);
    assert_true(tls_has_begun(&self));
    support_stop_signals();
    support_start(&task);
    assert_int_equal(insist(&self, send_a_command, &interruptions), POP_OK);
    assert_false(tls_has_begun(&self));
    support_join(&task);
    assert_int_equal(server_read(&self.server), 1);
    assert_int_equal(self.server.done, 6);
    assert_memory_equal(self.server.space, "NOOP\r\n", 6);
    free(task.space);
    close_tls(&self);
}

/* --- another thread ----------------------------------------------------- */

static void
interrupt(struct support_task *task)
{
    struct pop_transport *transport = task->context;

    transport->ops->interrupt(transport);
}

static void
test_interrupt_wakes_what_is_blocked(void **state)
{
    static const int64_t timeouts[] = {10000 * NS_PER_MS, POP_WAIT_FOREVER};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(operations) * COUNT_OF(timeouts); i++) {
        struct support_task task = {.delay_ms = 20, .run = interrupt};
        size_t index = i / COUNT_OF(timeouts);
        bool sends = operations[index] == send_a_command;
        struct tls_fixture self;
        enum pop_status status;

        /* TCP goes on emptying a buffer that was full. */
        open_stuck(&self, index, sends ? NULL : support_tcp_pair);
        pop_timeout_set(&self.deadline, timeouts[i % COUNT_OF(timeouts)]);
        task.context = self.transport;
        support_start(&task);
        status = operations[index](&self);
        support_join(&task);
        if (sends) {
            assert_int_equal(status, POP_SYSTEM);
            assert_int_equal(self.error.sys, EPIPE);
        }
        else {
            assert_int_equal(status, operations[index] == tls_receive
                                         ? POP_EOF
                                         : POP_TLS_EOF);
        }
        close_tls(&self);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_signals_do_not_move_the_deadline),
        UNIT_TEST(test_signals_interrupt_without_a_deadline),
        UNIT_TEST(test_an_interrupted_handshake_goes_on),
        UNIT_TEST(test_an_interrupted_send_goes_on),
        UNIT_TEST(test_interrupt_wakes_what_is_blocked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
