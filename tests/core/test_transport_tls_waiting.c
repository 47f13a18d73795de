#include "core/net/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tls_fixture.h"

static const int64_t patient[2] = {10000 * NS_PER_MS, POP_WAIT_FOREVER};

static void
set_timeout(struct tls_fixture *self, int64_t timeout)
{
    pop_timeout_set(&self->deadline, timeout);
}

static enum pop_status
send_a_command(struct tls_fixture *self)
{
    return tls_send(self, "NOOP\r\n", 6);
}

/* The operation takes its time, and not much more. */
static void
assert_times_out(struct tls_fixture *self,
                 enum pop_status (*operation)(struct tls_fixture *),
                 const char *text)
{
    int64_t start = support_monotonic_ms();

    set_timeout(self, 30 * NS_PER_MS);
    assert_int_equal(operation(self), POP_TIMEOUT);
    assert_in_range(support_monotonic_ms() - start, 29, 5000);
    assert_string_equal(self->error.text, text);
}

/* --- the handshake ------------------------------------------------------ */

static const char handshake_text[] = "The handshake operation timed out";

static void
test_handshake_waits(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 2 * COUNT_OF(versions); i++) {
        const struct tls_setup setup = {.version = versions[i / 2]};
        struct support_task task = {.delay_ms = 10, .run = server_shake_hands};
        struct tls_fixture self;

        open_tls(&self, &setup);
        set_timeout(&self, patient[i % 2]);
        task.context = &self.server;
        support_start(&task);
        assert_int_equal(tls_handshake(&self), POP_OK);
        support_join(&task);
        assert_true(SSL_is_init_finished(self.server.ssl));
        close_tls(&self);
    }
}

static void
test_handshake_with_a_silent_server(void **state)
{
    const struct tls_setup setup = {0};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    assert_times_out(&self, tls_handshake, handshake_text);
    /* It is not too late. */
    set_timeout(&self, POP_WAIT_NEVER);
    assert_int_equal(shake_hands(&self), POP_OK);
    close_tls(&self);
}

static void
test_handshake_with_a_server_that_stops(void **state)
{
    const struct tls_setup setup = {0};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    peer_sends_raw(&self, "\x16\x03\x03", 3);
    assert_times_out(&self, tls_handshake, handshake_text);
    close_tls(&self);
}

static void
test_handshake_when_nobody_receives(void **state)
{
    const struct tls_setup setup = {0};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    support_fill_send_buffer(self.fds[0]);
    assert_times_out(&self, tls_handshake, handshake_text);
    close_tls(&self);
}

/* The limit ends the operation, although its timeout would not. */
static void
assert_is_limited(struct tls_fixture *self,
                  enum pop_status (*operation)(struct tls_fixture *))
{
    int64_t start = support_monotonic_ms();
    size_t i;

    for (i = 0; i < COUNT_OF(patient); i++) {
        set_timeout(self, patient[i]);
        pop_deadline_start(&self->deadline.limit, 30 * NS_PER_MS);
        assert_int_equal(operation(self), POP_DEADLINE);
        assert_string_equal(self->error.text,
                            "the deadline of 0.03 s has passed: close() this "
                            "connection; for a server that is only slow set a "
                            "later one");
    }
    assert_in_range(support_monotonic_ms() - start, 59, 5000);
}

static void
test_a_limit_ends_waiting(void **state)
{
    const struct tls_setup setup = {0};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    assert_is_limited(&self, tls_handshake);
    set_timeout(&self, POP_WAIT_NEVER);
    assert_int_equal(shake_hands(&self), POP_OK);
    assert_is_limited(&self, tls_receive);
    peer_sends_raw(&self, "\x17\x03\x03", 3);
    assert_is_limited(&self, tls_receive);
    support_fill_send_buffer(self.fds[0]);
    assert_is_limited(&self, send_a_command);
    close_tls(&self);
}

/* Octets that go on coming do not move the deadline. */
static void
test_handshake_with_a_slow_server(void **state)
{
    const struct tls_setup setup = {0};
    struct support_task task = {.run = server_shake_hands};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    self.server.drip_us = 2000;
    task.context = &self.server;
    support_start(&task);
    assert_times_out(&self, tls_handshake, handshake_text);
    assert_int_equal(shutdown(self.fds[0], SHUT_RDWR), 0);
    support_join(&task);
    close_tls(&self);
}

static void
test_handshake_octet_by_octet(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        const struct tls_setup setup = {.version = versions[i]};
        struct support_task task = {.run = server_shake_hands};
        struct tls_fixture self;

        open_tls(&self, &setup);
        set_timeout(&self, patient[0]);
        /* Nobody would receive the tickets, and each octet takes room. */
        assert_int_equal(SSL_set_num_tickets(self.server.ssl, 0), 1);
        self.server.drip_us = 1;
        task.context = &self.server;
        support_start(&task);
        assert_int_equal(tls_handshake(&self), POP_OK);
        support_join(&task);
        close_tls(&self);
    }
}

/* --- receiving and sending ---------------------------------------------- */

/* Sends, after a while, what the server has written. */
static void
send_later(struct tls_fixture *self, struct support_task *task)
{
    size_t length;
    char *bytes = server_take(&self->server, &length);

    *task = (struct support_task){.delay_ms = 20,
                                  .fd = self->fds[1],
                                  .bytes = bytes,
                                  .length = length,
                                  .run = support_send_all};
    support_start(task);
}

static void
test_recv_waits_for_the_first_record_and_for_later_ones(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 2 * COUNT_OF(versions); i++) {
        struct tls_fixture self;
        int round;

        connect_version(&self, versions[i / 2]);
        for (round = 0; round < 2; round++) {
            struct support_task task;

            set_timeout(&self, patient[i % 2]);
            server_write(&self.server, "+OK\r\n", 5);
            send_later(&self, &task);
            assert_receives(&self, "+OK\r\n");
            support_join(&task);
            free((char *)(uintptr_t)task.bytes);
        }
        close_tls(&self);
    }
}

static void
test_recv_times_out(void **state)
{
    static const char text[] = "The read operation timed out";
    struct tls_fixture self;
    size_t length;
    char *record;

    (void)state;
    connect_version(&self, 0);
    /* The tickets are no bytes. */
    assert_times_out(&self, tls_receive, text);
    server_write(&self.server, "+OK\r\n", 5);
    record = server_take(&self.server, &length);
    peer_sends_raw(&self, record, length - 1);
    assert_times_out(&self, tls_receive, text);
    assert_int_equal(self.done, 0);
    peer_sends_raw(&self, record + length - 1, 1);
    assert_receives(&self, "+OK\r\n");
    assert_times_out(&self, tls_receive, text);
    free(record);
    close_tls(&self);
}

/* A record that comes too slowly is not lost. */
static void
test_recv_of_a_record_that_drips(void **state)
{
    size_t drip_us = 4000;
    struct support_task task = {.context = &drip_us, .run = drip};
    struct tls_fixture self;
    char *record;

    (void)state;
    connect_version(&self, TLS1_2_VERSION);
    server_write(&self.server, "+OK\r\n", 5);
    record = server_take(&self.server, &task.length);
    task.bytes = record;
    task.fd = self.fds[1];
    support_start(&task);
    assert_times_out(&self, tls_receive, "The read operation timed out");
    set_timeout(&self, patient[0]);
    assert_receives(&self, "+OK\r\n");
    support_join(&task);
    free(record);
    close_tls(&self);
}

/* In the middle of a record: what was not counted may be on its way. */
static void
test_send_times_out(void **state)
{
    static char bytes[4 * RECORD_OCTETS];
    static const char text[] = "The write operation timed out";
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        struct tls_fixture self;
        size_t sent = 0;
        size_t received = 0;
        enum pop_status status = POP_OK;

        connect_version(&self, versions[i]);
        support_shrink_send_buffer(self.fds[0]);
        while (sent < sizeof(bytes) && status == POP_OK) {
            set_timeout(&self, 30 * NS_PER_MS);
            status = tls_send(&self, bytes + sent, sizeof(bytes) - sent);
            sent += self.done;
        }
        assert_int_equal(status, POP_TIMEOUT);
        assert_string_equal(self.error.text, text);
        assert_true(tls_has_begun(&self));
        set_timeout(&self, 30 * NS_PER_MS);
        status = tls_send(&self, bytes + sent, sizeof(bytes) - sent);
        assert_int_equal(status, POP_TIMEOUT);
        assert_int_equal(self.done, 0);
        /* Nothing else can be sent now. */
        assert_int_equal(send_a_command(&self), POP_TLS);
        while (server_read(&self.server) == 1) {
            received += self.server.done;
        }
        assert_true(received >= sent);
        close_tls(&self);
    }
}

static void
test_send_waits(void **state)
{
    struct support_task task = {.delay_ms = 20, .run = support_receive_all};
    struct tls_fixture self;
    size_t filled;

    (void)state;
    connect_version(&self, 0);
    filled = support_fill_send_buffer(self.fds[0]);
    set_timeout(&self, patient[0]);
    task.fd = self.fds[1];
    task.space = malloc(filled);
    task.length = filled;
    assert_non_null(task.space);
    support_start(&task);
    assert_int_equal(send_a_command(&self), POP_OK);
    assert_int_equal(self.done, 6);
    support_join(&task);
    assert_int_equal(server_read(&self.server), 1);
    assert_memory_equal(self.server.space, "NOOP\r\n", 6);
    free(task.space);
    close_tls(&self);
}

static void
test_wait_never(void **state)
{
    struct tls_fixture self;
    int64_t start;

    (void)state;
    connect_version(&self, 0);
    start = support_monotonic_ms();
    assert_int_equal(tls_receive(&self), POP_WANT_READ);
    support_fill_send_buffer(self.fds[0]);
    assert_int_equal(send_a_command(&self), POP_WANT_WRITE);
    assert_int_equal(tls_receive(&self), POP_WANT_READ);
    assert_in_range(support_monotonic_ms() - start, 0, 1000);
    close_tls(&self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_handshake_waits),
        UNIT_TEST(test_handshake_with_a_silent_server),
        UNIT_TEST(test_handshake_with_a_server_that_stops),
        UNIT_TEST(test_handshake_when_nobody_receives),
        UNIT_TEST(test_a_limit_ends_waiting),
        UNIT_TEST(test_handshake_with_a_slow_server),
        UNIT_TEST(test_handshake_octet_by_octet),
        UNIT_TEST(test_recv_waits_for_the_first_record_and_for_later_ones),
        UNIT_TEST(test_recv_times_out),
        UNIT_TEST(test_recv_of_a_record_that_drips),
        UNIT_TEST(test_send_times_out),
        UNIT_TEST(test_send_waits),
        UNIT_TEST(test_wait_never),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
