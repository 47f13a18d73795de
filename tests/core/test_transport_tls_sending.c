#include "core/net/transport.h"

#include <string.h>
#include <sys/socket.h>

#include "tls_fixture.h"

#define LARGE ((size_t)1024 * 1024)

/* --- sending ------------------------------------------------------------ */

/* Reads all that has been sent, behind *received bytes that were read. */
static void
drain(struct tls_fixture *self, const char *expected, size_t *received)
{
    while (server_read(&self->server) == 1) {
        assert_memory_equal(self->server.space, expected + *received,
                            self->server.done);
        *received += self->server.done;
    }
}

static void
test_partial_sends_add_up(void **state)
{
    static char bytes[LARGE];
    size_t i;

    (void)state;
    for (i = 0; i < LARGE; i++) {
        bytes[i] = (char)(i % 251);
    }
    for (i = 0; i < COUNT_OF(versions); i++) {
        struct tls_fixture self;
        size_t received = 0;
        size_t waits = 0;
        size_t sent;

        connect_version(&self, versions[i]);
        support_shrink_send_buffer(self.fds[0]);
        for (sent = 0; sent < LARGE; sent += self.done) {
            enum pop_status status;

            status = tls_send(&self, bytes + sent, LARGE - sent);
            assert_in_range(self.done, status == POP_OK ? 1 : 0,
                            status == POP_OK ? LARGE - sent : 0);
            assert_int_equal(tls_has_begun(&self), status != POP_OK);
            if (status != POP_OK) {
                assert_int_equal(status, POP_WANT_WRITE);
                drain(&self, bytes, &received);
                waits++;
            }
        }
        drain(&self, bytes, &received);
        assert_int_equal(received, LARGE);
        assert_true(waits > 1);
        close_tls(&self);
    }
}

/* What was begun goes on from another place in memory. */
static void
test_bytes_may_move_between_sends(void **state)
{
    struct tls_fixture self;
    char command[] = "NOOP\r\n";
    size_t filler;

    (void)state;
    connect_version(&self, 0);
    assert_false(tls_has_begun(&self));
    filler = support_fill_send_buffer(self.fds[0]);
    assert_int_equal(tls_send(&self, "NOOP\r\n", 6), POP_WANT_WRITE);
    assert_true(tls_has_begun(&self));
    while (filler > 0) {
        ssize_t n = recv(self.fds[1], self.space,
                         filler < 65536 ? filler : 65536, 0);

        assert_true(n > 0);
        filler -= (size_t)n;
    }
    assert_int_equal(tls_send(&self, command, 6), POP_OK);
    assert_int_equal(self.done, 6);
    assert_false(tls_has_begun(&self));
    assert_int_equal(server_read(&self.server), 1);
    assert_memory_equal(self.server.space, "NOOP\r\n", 6);
    close_tls(&self);
}

/* --- what TLS has to say between the bytes ------------------------------ */

static void
test_renegotiation_while_receiving(void **state)
{
    struct tls_fixture self;
    int turns = 0;

    (void)state;
    connect_version(&self, TLS1_2_VERSION);
    assert_int_equal(SSL_renegotiate(self.server.ssl), 1);
    assert_true(server_step(&self.server));
    while (SSL_num_renegotiations(self.server.ssl) == 0 ||
           !SSL_is_init_finished(self.server.ssl)) {
        assert_int_equal(tls_receive(&self), POP_WANT_READ);
        (void)server_read(&self.server);
        server_send(&self.server);
        assert_true(++turns < 10);
    }
    server_says(&self.server, "+OK\r\n");
    assert_receives(&self, "+OK\r\n");
    close_tls(&self);
}

static void
test_renegotiation_while_sending(void **state)
{
    struct tls_fixture self;
    enum pop_status status;
    int turns = 0;

    (void)state;
    connect_version(&self, TLS1_2_VERSION);
    assert_int_equal(SSL_renegotiate(self.server.ssl), 1);
    assert_true(server_step(&self.server));
    /* It has heard of it. */
    assert_int_equal(tls_receive(&self), POP_WANT_READ);
    while ((status = tls_send(&self, "NOOP\r\n", 6)) == POP_WANT_READ) {
        assert_int_equal(self.done, 0);
        (void)server_read(&self.server);
        server_send(&self.server);
        assert_true(++turns < 10);
    }
    assert_int_equal(status, POP_OK);
    assert_true(turns > 0);
    assert_false(tls_has_begun(&self));
    assert_int_equal(server_read(&self.server), 1);
    assert_memory_equal(self.server.space, "NOOP\r\n", 6);
    close_tls(&self);
}

static void
test_key_updates(void **state)
{
    struct tls_fixture self;
    int round;

    (void)state;
    connect_version(&self, TLS1_3_VERSION);
    for (round = 0; round < 40; round++) {
        assert_int_equal(
            SSL_key_update(self.server.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_true(server_step(&self.server));
        server_says(&self.server, "+OK\r\n");
        assert_receives(&self, "+OK\r\n");
        assert_int_equal(tls_send(&self, "NOOP\r\n", 6), POP_OK);
        assert_int_equal(server_read(&self.server), 1);
        assert_int_equal(self.server.done, 6);
    }
    close_tls(&self);
}

static void
test_many_tickets_are_no_bytes(void **state)
{
    const struct tls_setup setup = {.version = TLS1_3_VERSION};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    assert_int_equal(SSL_set_num_tickets(self.server.ssl, 100), 1);
    assert_int_equal(shake_hands(&self), POP_OK);
    /* There is no telling what they are. */
    assert_true(tls_is_readable(&self));
    assert_int_equal(tls_receive(&self), POP_WANT_READ);
    assert_false(tls_is_readable(&self));
    assert_int_equal(tls_pending(&self), 0);
    server_says(&self.server, "+OK\r\n");
    assert_receives(&self, "+OK\r\n");
    close_tls(&self);
}

/* OpenSSL sends a ticket on request. */
#if OPENSSL_VERSION_NUMBER >= 0x30000000L

static void
send_records(struct support_task *task)
{
    server_send(task->context);
}

/* A server that never pauses: whoever receives is back now and then, to look
   at deadlines and signals. */
static void
test_octets_between_many_tickets(void **state)
{
    const struct tls_setup setup = {.version = TLS1_3_VERSION};
    struct tls_fixture self;
    struct support_task task = {.context = &self.server, .run = send_records};
    size_t received = 0;
    size_t i;

    (void)state;
    connect_tls(&self, &setup);
    for (i = 0; i < 8 * 900; i++) {
        assert_int_equal(SSL_new_session_ticket(self.server.ssl), 1);
        if (i % 900 == 899) {
            server_write(&self.server, "x", 1);
        }
    }
    pop_timeout_set(&self.deadline, POP_WAIT_FOREVER);
    support_start(&task);
    while (received < 8) {
        enum pop_status status = tls_receive(&self);

        if (status != POP_INTERRUPTED) {
            assert_int_equal(status, POP_OK);
            assert_in_range(self.done, 1, 2);
            received += self.done;
        }
    }
    support_join(&task);
    close_tls(&self);
}

#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_partial_sends_add_up),
        UNIT_TEST(test_bytes_may_move_between_sends),
        UNIT_TEST(test_renegotiation_while_receiving),
        UNIT_TEST(test_renegotiation_while_sending),
        UNIT_TEST(test_key_updates),
        UNIT_TEST(test_many_tickets_are_no_bytes),
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
        UNIT_TEST(test_octets_between_many_tickets),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
