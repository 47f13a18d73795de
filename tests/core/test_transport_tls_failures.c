#include "core/net/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/link.h"
#include "core/tls/tls_error.h"
#include "tls_fixture.h"

/* --- the handshake ------------------------------------------------------ */

static void
test_a_server_that_does_not_speak_tls(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *reason;
    } answers[] = {
        {"+OK ready\r\n", 11, "WRONG_VERSION_NUMBER"},
        {"-ERR busy\r\n", 11, "WRONG_VERSION_NUMBER"},
        {"HTTP/1.1 400 Bad Request\r\n", 26, "WRONG_VERSION_NUMBER"},
        {"\x15\x03\x03\0\x02\x02\x28", 7, "SSLV3_ALERT_HANDSHAKE_FAILURE"},
        {"\x15\x03\x03\0\x02\x02\x50", 7, "TLSV1_ALERT_INTERNAL_ERROR"},
        {"\x16\x03\x03\0\x04\x0e\0\0\0", 9, "UNEXPECTED_MESSAGE"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(answers); i++) {
        const struct tls_setup setup = {0};
        struct tls_fixture self;

        open_tls(&self, &setup);
        peer_sends_raw(&self, answers[i].bytes, answers[i].length);
        assert_int_equal(tls_handshake(&self), POP_TLS);
        assert_reason(&self, answers[i].reason);
        close_tls(&self);
    }
}

static void
test_a_server_that_closes_at_once(void **state)
{
    static const char *const last_words[] = {"", "+OK",
                                             /* close_notify */
                                             "\x15\x03\x03\0\x02\x01\0"};
    static const size_t lengths[] = {0, 3, 7};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(lengths); i++) {
        const struct tls_setup setup = {0};
        struct tls_fixture self;
        enum pop_status status;

        open_tls(&self, &setup);
        peer_sends_raw(&self, last_words[i], lengths[i]);
        assert_int_equal(shutdown(self.fds[1], SHUT_WR), 0);
        assert_int_equal(tls_handshake(&self), POP_TLS_EOF);
        /* And nothing goes through what is no session. */
        status = tls_receive(&self);
        assert_true(status == POP_TLS_EOF || status == POP_EOF);
        assert_int_equal(tls_send(&self, "QUIT\r\n", 6), POP_TLS_EOF);
        assert_int_equal(self.done, 0);
        close_tls(&self);
    }
}

static void
open_without_tickets(struct tls_fixture *self, const struct tls_setup *setup)
{
    open_tls(self, setup);
    assert_int_equal(SSL_set_num_tickets(self->server.ssl, 0), 1);
}

/* How many records of the server a handshake takes. */
static size_t
count_records(const struct tls_setup *setup)
{
    struct tls_fixture self;
    size_t records;

    open_without_tickets(&self, setup);
    assert_int_equal(shake_hands(&self), POP_OK);
    records = self.server.sent;
    close_tls(&self);
    return records;
}

static void
test_a_handshake_that_is_cut_anywhere(void **state)
{
    static const size_t octets[] = {0, 1, 5, 6};
    struct tls_setup setup = {0};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        size_t records;
        size_t k;

        setup.version = versions[i];
        records = count_records(&setup);
        assert_in_range(records, 5, 9);
        for (k = 0; k < records * COUNT_OF(octets); k++) {
            struct tls_fixture self;

            open_without_tickets(&self, &setup);
            self.server.records = k / COUNT_OF(octets);
            self.server.octets = octets[k % COUNT_OF(octets)];
            assert_int_equal(shake_hands(&self), POP_TLS_EOF);
            close_tls(&self);
        }
    }
}

static void
test_a_reset_is_a_system_error(void **state)
{
    const struct tls_setup setup = {.connect_pair = support_tcp_pair};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    assert_int_equal(tls_handshake(&self), POP_WANT_READ);
    reset_connection(&self);
    assert_int_equal(tls_handshake(&self), POP_SYSTEM);
    assert_int_equal(self.error.sys, ECONNRESET);
    assert_string_equal(self.error.text, "");
    close_tls(&self);
}

static void
test_no_descriptor(void **state)
{
    const struct tls_setup setup = {0};
    struct tls_fixture self;
    int closed;

    (void)state;
    open_tls(&self, &setup);
    closed = dup(self.fds[0]);
    assert_int_equal(close(closed), 0);
    pop_transport_tls_set(self.transport, closed);
    assert_int_equal(tls_handshake(&self), POP_SYSTEM);
    assert_int_equal(self.error.sys, EBADF);
    close_tls(&self);

    open_tls(&self, &setup);
    pop_transport_tls_set(self.transport, -1);
    assert_int_equal(tls_handshake(&self), POP_SYSTEM);
    assert_int_equal(self.error.sys, EBADF);
    close_tls(&self);

    connect_tls(&self, &setup);
    pop_transport_tls_set(self.transport, -1);
    pop_timeout_set(&self.deadline, 300 * NS_PER_MS);
    assert_int_equal(tls_receive(&self), POP_SYSTEM);
    assert_int_equal(self.error.sys, EBADF);
    close_tls(&self);
}

/* --- the session -------------------------------------------------------- */

/* Whole records come through, what is left of another one does not. */
static void
test_data_that_is_cut_anywhere(void **state)
{
    static const char text[] = "onetwosix";
    static const size_t octets[] = {0, 1, 5, 12};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions) * 3 * COUNT_OF(octets); i++) {
        size_t records = i / COUNT_OF(octets) % 3;
        struct tls_fixture self;
        size_t k;

        connect_version(&self, versions[i / COUNT_OF(octets) / 3]);
        self.server.records = records;
        self.server.octets = octets[i % COUNT_OF(octets)];
        for (k = 0; k < 3; k++) {
            server_write(&self.server, text + 3 * k, 3);
        }
        server_send(&self.server);
        if (records > 0) {
            assert_int_equal(tls_receive(&self), POP_OK);
            assert_int_equal(self.done, 3 * records);
            assert_memory_equal(self.space, text, 3 * records);
        }
        assert_int_equal(tls_receive(&self), POP_EOF);
        close_tls(&self);
    }
}

static void
test_a_reset_is_told_again(void **state)
{
    const struct tls_setup setup = {.version = TLS1_2_VERSION,
                                    .connect_pair = support_tcp_pair};
    struct tls_fixture self;
    int round;

    (void)state;
    connect_tls(&self, &setup);
    reset_connection(&self);
    for (round = 0; round < 2; round++) {
        assert_int_equal(tls_receive(&self), POP_SYSTEM);
        assert_int_equal(self.error.sys, ECONNRESET);
        assert_int_equal(self.done, 0);
        assert_int_equal(tls_send(&self, "QUIT\r\n", 6), POP_SYSTEM);
        assert_int_equal(self.error.sys, ECONNRESET);
        assert_int_equal(self.done, 0);
        assert_false(tls_has_begun(&self));
    }
    close_tls(&self);
}

/* No SIGPIPE, which would end this program. */
static void
test_a_send_to_nobody(void **state)
{
    struct tls_fixture self;

    (void)state;
    connect_version(&self, 0);
    assert_int_equal(shutdown(self.fds[1], SHUT_RDWR), 0);
    assert_int_equal(tls_send(&self, "QUIT\r\n", 6), POP_SYSTEM);
    assert_int_equal(self.error.sys, EPIPE);
    assert_int_equal(self.done, 0);
    assert_true(tls_has_begun(&self));
    assert_int_equal(tls_receive(&self), POP_SYSTEM);
    assert_int_equal(self.error.sys, EPIPE);
    close_tls(&self);
}

/* OpenSSL tells the server, or tries to; what has happened is still the end.
 */
static void
test_the_end_is_no_broken_pipe(void **state)
{
    const struct tls_setup setup = {0};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    assert_int_equal(tls_handshake(&self), POP_WANT_READ);
    server_receive(&self.server);
    assert_int_equal(shutdown(self.fds[1], SHUT_RDWR), 0);
    assert_int_equal(tls_handshake(&self), POP_TLS_EOF);
    close_tls(&self);

    connect_tls(&self, &setup);
    assert_int_equal(shutdown(self.fds[1], SHUT_RDWR), 0);
    assert_int_equal(tls_receive(&self), POP_EOF);
    close_tls(&self);
}

#define BAD_RECORD "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"

/* A record with a bit that was turned over on its way; `text` comes right
   before it. */
static void
send_bad_record(struct tls_fixture *self, const char *text)
{
    size_t length;
    char *bytes;

    if (text[0] != '\0') {
        server_write(&self->server, text, strlen(text));
    }
    server_write(&self->server, "+OK\r\n", 5);
    bytes = server_take(&self->server, &length);
    bytes[length - 1] ^= 1;
    peer_sends_raw(self, bytes, length);
    free(bytes);
}

static void
assert_broken(struct tls_fixture *self, const char *reason)
{
    int round;

    for (round = 0; round < 2; round++) {
        assert_int_equal(tls_receive(self), POP_TLS);
        assert_reason(self, reason);
        assert_int_equal(self->done, 0);
        assert_int_equal(tls_send(self, "QUIT\r\n", 6), POP_TLS);
        assert_reason(self, reason);
        assert_int_equal(self->done, 0);
        assert_false(tls_has_begun(self));
        assert_false(tls_is_readable(self));
        assert_int_equal(tls_pending(self), 0);
    }
}

static void
test_a_broken_record_is_told_again(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        struct tls_fixture self;

        connect_version(&self, versions[i]);
        send_bad_record(&self, "");
        assert_broken(&self, BAD_RECORD);
        close_tls(&self);
        /* Behind a good one, which comes first. */
        connect_version(&self, versions[i]);
        send_bad_record(&self, "good");
        assert_receives(&self, "good");
        assert_broken(&self, BAD_RECORD);
        close_tls(&self);
    }
}

/* The alert about it does not get through. */
static void
test_a_broken_record_is_no_broken_pipe(void **state)
{
    struct tls_fixture self;

    (void)state;
    connect_version(&self, 0);
    send_bad_record(&self, "");
    assert_int_equal(shutdown(self.fds[1], SHUT_RDWR), 0);
    assert_broken(&self, BAD_RECORD);
    close_tls(&self);
}

static void
test_a_refused_certificate_is_no_broken_pipe(void **state)
{
    const struct tls_setup setup = {.options = {.verify = true}};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    assert_int_equal(tls_handshake(&self), POP_WANT_READ);
    assert_true(server_step(&self.server));
    assert_int_equal(shutdown(self.fds[1], SHUT_RDWR), 0);
    assert_int_equal(tls_handshake(&self), POP_TLS);
    assert_true(self.error.verify != 0);
    assert_string_equal(pop_tls_error_library(self.error.tls), "SSL");
    close_tls(&self);
}

static void
test_a_broken_record_that_is_found_by_pending(void **state)
{
    struct tls_fixture self;

    (void)state;
    connect_version(&self, 0);
    send_bad_record(&self, "good");
    self.room = 4;
    assert_receives(&self, "good");
    assert_true(tls_is_readable(&self));
    assert_int_equal(tls_pending(&self), 0);
    assert_broken(&self, BAD_RECORD);
    close_tls(&self);
}

/* Somebody looked for unread bytes, and did not ask what went wrong. */
static void
test_a_broken_record_that_is_found_by_a_link(void **state)
{
    struct tls_fixture self;
    struct pop_link link;

    (void)state;
    connect_version(&self, 0);
    pop_link_init(&link);
    link.transport = self.transport;
    send_bad_record(&self, "");
    assert_false(pop_link_has_unread(&link));
    assert_broken(&self, BAD_RECORD);
    pop_link_release(&link);
    close_tls(&self);
}

static void
test_plain_text_is_a_broken_record(void **state)
{
    struct tls_fixture self;

    (void)state;
    connect_version(&self, 0);
    peer_sends_raw(&self, "+OK bye\r\n", 9);
    assert_broken(&self, "WRONG_VERSION_NUMBER");
    close_tls(&self);
}

/* --- memory ------------------------------------------------------------- */

static enum pop_status
make(const char *host, struct pop_error *error)
{
    const struct pop_tls_options options = {0};
    struct pop_transport *transport;
    struct ssl_ctx_st *config;
    enum pop_status status;

    assert_int_equal(pop_tls_config_new(&options, &config, error), POP_OK);
    status = pop_transport_tls_new(config, host, &transport, error);
    pop_tls_config_free(config);
    assert_int_equal(transport == NULL, status != POP_OK);
    if (transport != NULL) {
        transport->ops->destroy(transport);
    }
    return status;
}

static void
test_failed_allocation(void **state)
{
    struct pop_error error;
    size_t index = 0;
    bool failed;

    (void)state;
    do {
        enum pop_status status;

        support_fail_allocation(index++);
        status = make(HOST, &error);
        failed = support_stop_failing();
        assert_int_equal(status, failed ? POP_NO_MEMORY : POP_OK);
    } while (failed);
    assert_int_equal(index, 2);
}

static void
test_a_host_that_is_refused(void **state)
{
    struct pop_error error;

    (void)state;
    assert_int_equal(make("", &error), POP_TLS);
    assert_int_equal(error.tls, 0);
    assert_non_null(strstr(error.text, "host"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_a_server_that_does_not_speak_tls),
        UNIT_TEST(test_a_server_that_closes_at_once),
        UNIT_TEST(test_a_handshake_that_is_cut_anywhere),
        UNIT_TEST(test_a_reset_is_a_system_error),
        UNIT_TEST(test_no_descriptor),
        UNIT_TEST(test_data_that_is_cut_anywhere),
        UNIT_TEST(test_a_reset_is_told_again),
        UNIT_TEST(test_a_send_to_nobody),
        UNIT_TEST(test_the_end_is_no_broken_pipe),
        UNIT_TEST(test_a_broken_record_is_told_again),
        UNIT_TEST(test_a_broken_record_is_no_broken_pipe),
        UNIT_TEST(test_a_refused_certificate_is_no_broken_pipe),
        UNIT_TEST(test_a_broken_record_that_is_found_by_pending),
        UNIT_TEST(test_a_broken_record_that_is_found_by_a_link),
        UNIT_TEST(test_plain_text_is_a_broken_record),
        UNIT_TEST(test_failed_allocation),
        UNIT_TEST(test_a_host_that_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
