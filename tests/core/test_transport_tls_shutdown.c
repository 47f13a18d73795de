#include "core/net/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "tls_fixture.h"

/* Receives our close_notify; the server answers it if it is to. */
static void
server_hears(struct tls_fixture *self, bool answers)
{
    assert_int_equal(server_read(&self->server), 0);
    assert_int_equal(SSL_get_shutdown(self->server.ssl) &
                         SSL_RECEIVED_SHUTDOWN,
                     SSL_RECEIVED_SHUTDOWN);
    if (answers) {
        (void)SSL_shutdown(self->server.ssl);
        server_send(&self->server);
    }
}

static void
test_close_notify_goes_both_ways(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        struct tls_fixture self;

        connect_version(&self, versions[i]);
        assert_int_equal(tls_shutdown(&self), POP_WANT_READ);
        server_hears(&self, true);
        assert_int_equal(tls_shutdown(&self), POP_OK);
        assert_int_equal(tls_shutdown(&self), POP_OK);
        close_tls(&self);
    }
}

static void
test_a_server_that_was_first(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        struct tls_fixture self;

        connect_version(&self, versions[i]);
        (void)SSL_shutdown(self.server.ssl);
        server_send(&self.server);
        if (i == 0) {
            assert_int_equal(tls_receive(&self), POP_EOF);
        }
        assert_int_equal(tls_shutdown(&self), POP_OK);
        server_hears(&self, false);
        close_tls(&self);
    }
}

/* Where the protocol is said to go on without TLS. */
static void
test_what_follows_close_notify_is_left_alone(void **state)
{
    struct tls_fixture self;
    size_t length;
    char *bytes;

    (void)state;
    connect_version(&self, 0);
    assert_int_equal(tls_shutdown(&self), POP_WANT_READ);
    server_hears(&self, false);
    (void)SSL_shutdown(self.server.ssl);
    bytes = server_take(&self.server, &length);
    memcpy(self.space, bytes, length);
    memcpy(self.space + length, "+OK plain\r\n", 11);
    free(bytes);
    peer_sends_raw(&self, self.space, length + 11);
    assert_int_equal(tls_shutdown(&self), POP_OK);
    assert_int_equal(recv(self.fds[0], self.space, 64, MSG_DONTWAIT), 11);
    assert_memory_equal(self.space, "+OK plain\r\n", 11);
    close_tls(&self);
}

static void
test_a_server_that_goes_on(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 2 * COUNT_OF(versions); i++) {
        struct tls_fixture self;

        connect_version(&self, versions[i / 2]);
        server_says(&self.server, "+OK\r\n");
        server_says(&self.server, "+OK\r\n");
        if (i % 2 == 1) {
            /* The second one has been received then. */
            self.room = 5;
            assert_int_equal(tls_receive(&self), POP_OK);
        }
        assert_int_equal(tls_shutdown(&self), POP_TLS);
        assert_reason(&self, "APPLICATION_DATA_AFTER_CLOSE_NOTIFY");
        close_tls(&self);
    }
}

static void
test_a_server_that_closes_without_a_word(void **state)
{
    struct tls_fixture self;

    (void)state;
    connect_version(&self, 0);
    assert_int_equal(tls_shutdown(&self), POP_WANT_READ);
    assert_int_equal(shutdown(self.fds[1], SHUT_WR), 0);
    assert_int_equal(tls_shutdown(&self), POP_TLS_EOF);
    close_tls(&self);
}

static void
test_a_reset_is_a_system_error(void **state)
{
    const struct tls_setup setup = {.connect_pair = support_tcp_pair};
    struct tls_fixture self;

    (void)state;
    connect_tls(&self, &setup);
    assert_int_equal(tls_shutdown(&self), POP_WANT_READ);
    reset_connection(&self);
    assert_int_equal(tls_shutdown(&self), POP_SYSTEM);
    assert_int_equal(self.error.sys, ECONNRESET);
    close_tls(&self);
}

static void
test_nobody_receives_close_notify(void **state)
{
    struct tls_fixture self;

    (void)state;
    connect_version(&self, 0);
    support_fill_send_buffer(self.fds[0]);
    assert_int_equal(tls_shutdown(&self), POP_WANT_WRITE);
    close_tls(&self);
}

static void
test_before_the_handshake(void **state)
{
    const struct tls_setup setup = {0};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    assert_true(tls_shutdown(&self) != POP_OK);
    close_tls(&self);
    open_tls(&self, &setup);
    assert_int_equal(tls_handshake(&self), POP_WANT_READ);
    assert_int_equal(tls_shutdown(&self), POP_TLS);
    assert_reason(&self, "SHUTDOWN_WHILE_IN_INIT");
    close_tls(&self);
}

static void
test_it_times_out(void **state)
{
    struct tls_fixture self;
    int64_t start = support_monotonic_ms();

    (void)state;
    connect_version(&self, 0);
    pop_timeout_set(&self.deadline, 30 * NS_PER_MS);
    assert_int_equal(tls_shutdown(&self), POP_TIMEOUT);
    assert_string_equal(self.error.text, "The read operation timed out");
    assert_in_range(support_monotonic_ms() - start, 29, 5000);
    /* It may be tried again. */
    server_hears(&self, true);
    assert_int_equal(tls_shutdown(&self), POP_OK);
    close_tls(&self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_close_notify_goes_both_ways),
        UNIT_TEST(test_a_server_that_was_first),
        UNIT_TEST(test_what_follows_close_notify_is_left_alone),
        UNIT_TEST(test_a_server_that_goes_on),
        UNIT_TEST(test_a_server_that_closes_without_a_word),
        UNIT_TEST(test_a_reset_is_a_system_error),
        UNIT_TEST(test_nobody_receives_close_notify),
        UNIT_TEST(test_before_the_handshake),
        UNIT_TEST(test_it_times_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
