#include "core/net/transport.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "tls_pair.h"

/* --- receiving ---------------------------------------------------------- */

/* As many as fit into the buffer of one receive. */
static void
test_recv_gathers_records(void **state)
{
    struct tls_pair self;
    BIO *records = BIO_new(BIO_s_mem());
    size_t length;
    char *bytes;
    int i;

    (void)state;
    connect_tls(&self, 0);
    SSL_set0_wbio(self.server, records);
    for (i = 0; i < 1000; i++) {
        server_says(&self, "x");
    }
    length = (size_t)BIO_get_mem_data(records, &bytes);
    server_says_raw(&self, bytes, length);
    assert_int_equal(tls_receive(&self), POP_OK);
    assert_int_equal(self.done, 1000);
    assert_int_equal(tls_receive(&self), POP_WANT_READ);
    close_tls(&self);
}

static void
test_bytes_read_ahead_are_readable(void **state)
{
    struct tls_pair self;

    (void)state;
    connect_tls(&self, 0);
    server_says(&self, "first");
    server_says(&self, "second");
    self.room = 5;
    assert_receives(&self, "first");
    assert_int_equal(recv(self.fds[0], self.space, 1, MSG_DONTWAIT), -1);
    assert_true(self.transport->ops->readable(self.transport));
    assert_int_equal(pop_transport_tls_pending(self.transport), 6);
    close_tls(&self);
}

/* OpenSSL sends a ticket on request. */
#if OPENSSL_VERSION_NUMBER >= 0x30000000L

/* A server that never pauses: recv returns now and then, so that the caller
   looks at deadlines and signals. */
static void
test_octets_between_many_tickets(void **state)
{
    struct tls_pair self;
    struct support_task task = {.run = support_send_all};
    BIO *records = BIO_new(BIO_s_mem());
    size_t received = 0;
    char *bytes;
    int i;

    (void)state;
    connect_tls(&self, TLS1_3_VERSION);
    SSL_set0_wbio(self.server, records);
    for (i = 0; i < 8 * 900; i++) {
        assert_int_equal(SSL_new_session_ticket(self.server), 1);
        if (i % 900 == 899) {
            server_says(&self, "x");
        }
    }
    task.length = (size_t)BIO_get_mem_data(records, &bytes);
    task.bytes = bytes;
    task.fd = self.fds[1];
    assert_int_equal(fcntl(task.fd, F_SETFL, 0), 0);
    pop_timeout_set(&self.timeout, POP_WAIT_FOREVER);
    support_start(&task);
    while (received < 8) {
        enum pop_status status = tls_receive(&self);

        if (status != POP_INTERRUPTED) {
            assert_int_equal(status, POP_OK);
            assert_uint_in_range(self.done, 1, 2);
            received += self.done;
        }
    }
    support_join(&task);
    close_tls(&self);
}

#endif

/* --- the end ------------------------------------------------------------ */

static void
assert_at_eof(struct tls_pair *self)
{
    assert_int_equal(tls_receive(self), POP_EOF);
    assert_int_equal(self->done, 0);
    assert_false(self->transport->ops->readable(self->transport));
}

/* The server may go on reading. */
static void
test_send_after_close_notify(void **state)
{
    struct tls_pair self;

    (void)state;
    connect_tls(&self, 0);
    (void)SSL_shutdown(self.server);
    assert_at_eof(&self);
    assert_int_equal(tls_send(&self, "QUIT\r\n"), POP_OK);
    assert_int_equal(SSL_read(self.server, self.space, 64), 6);
    close_tls(&self);
}

/* From 3.0 on OpenSSL gives the session up where it ends like that. */
static void
test_send_after_an_end_without_close_notify(void **state)
{
    struct tls_pair self;

    (void)state;
    connect_tls(&self, 0);
    assert_int_equal(shutdown(self.fds[1], SHUT_WR), 0);
    assert_at_eof(&self);
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    assert_int_equal(tls_send(&self, "QUIT\r\n"), POP_TLS_EOF);
#else
    assert_int_equal(tls_send(&self, "QUIT\r\n"), POP_OK);
#endif
    assert_at_eof(&self);
    close_tls(&self);
}

static void
test_send_after_an_end_in_the_handshake(void **state)
{
    static const struct tls_setup any = {0};
    struct tls_pair self;

    (void)state;
    open_tls(&self, &any);
    server_says_raw(&self, "\x15\x03\x03\0\x02\x01\0", 7); /* close_notify */
    assert_int_equal(shutdown(self.fds[1], SHUT_WR), 0);
    assert_int_equal(pop_transport_tls_handshake(self.transport, &self.timeout,
                                                 &self.error),
                     POP_TLS_EOF);
    assert_int_equal(tls_send(&self, "QUIT\r\n"), POP_TLS_EOF);
    close_tls(&self);
}

/* It goes on from another place in memory. */
static void
test_a_record_that_was_begun(void **state)
{
    char command[] = "QUIT\r\n";
    struct tls_pair self;
    size_t filler;

    (void)state;
    connect_tls(&self, 0);
    assert_false(self.transport->ops->has_begun(self.transport));
    filler = support_fill_send_buffer(self.fds[0]);
    assert_int_equal(tls_send(&self, "QUIT\r\n"), POP_WANT_WRITE);
    assert_true(self.transport->ops->has_begun(self.transport));
    while (filler > 0) {
        ssize_t n = recv(self.fds[1], self.space,
                         filler < 65536 ? filler : 65536, 0);

        assert_true(n > 0);
        filler -= (size_t)n;
    }
    assert_int_equal(tls_send(&self, command), POP_OK);
    assert_false(self.transport->ops->has_begun(self.transport));
    assert_int_equal(SSL_read(self.server, self.space, 64), 6);
    close_tls(&self);
}

/* A broken record after a good one, found by pending(). */
static void
test_a_failure_is_told_again(void **state)
{
    struct tls_pair self;
    int round;

    (void)state;
    connect_tls(&self, 0);
    server_says(&self, "good");
    server_says_raw(&self, "+OK bye\r\n", 9);
    self.room = 4;
    assert_receives(&self, "good");
    assert_int_equal(pop_transport_tls_pending(self.transport), 0);
    for (round = 0; round < 2; round++) {
        assert_int_equal(tls_receive(&self), POP_TLS);
        assert_true(self.error.tls != 0);
        assert_int_equal(tls_send(&self, "QUIT\r\n"), POP_TLS);
        assert_false(self.transport->ops->has_begun(self.transport));
        assert_false(self.transport->ops->readable(self.transport));
    }
    close_tls(&self);
}

/* Plain text may follow TLS. */
static void
test_bytes_after_close_notify_stay(void **state)
{
    struct tls_pair self;

    (void)state;
    connect_tls(&self, 0);
    (void)SSL_shutdown(self.server);
    server_says_raw(&self, "+OK plain\r\n", 11);
    assert_int_equal(
        pop_transport_tls_shutdown(self.transport, &self.timeout, &self.error),
        POP_OK);
    assert_int_equal(recv(self.fds[0], self.space, 64, MSG_DONTWAIT), 11);
    close_tls(&self);
}

/* --- memory ------------------------------------------------------------- */

static void
test_failed_allocation(void **state)
{
    const struct pop_tls_options options = {0};
    struct pop_transport *transport;
    struct ssl_ctx_st *config;
    struct pop_error error;

    (void)state;
    assert_int_equal(pop_tls_config_new(&options, &config, &error), POP_OK);
    support_fail_allocation(0);
    assert_int_equal(pop_transport_tls_new(config, HOST, &transport, &error),
                     POP_NO_MEMORY);
    assert_true(support_stop_failing());
    assert_int_equal(pop_transport_tls_new(config, "", &transport, &error),
                     POP_TLS);
    assert_null(transport);
    pop_tls_config_free(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_recv_gathers_records),
        UNIT_TEST(test_bytes_read_ahead_are_readable),
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
        UNIT_TEST(test_octets_between_many_tickets),
#endif
        UNIT_TEST(test_send_after_close_notify),
        UNIT_TEST(test_send_after_an_end_without_close_notify),
        UNIT_TEST(test_send_after_an_end_in_the_handshake),
        UNIT_TEST(test_a_record_that_was_begun),
        UNIT_TEST(test_a_failure_is_told_again),
        UNIT_TEST(test_bytes_after_close_notify_stay),
        UNIT_TEST(test_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
