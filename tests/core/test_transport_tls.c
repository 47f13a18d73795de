#include "core/net/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "tls_fixture.h"

/* What recv gives without the descriptor. */
static void
assert_is_here(struct tls_fixture *self, const char *text)
{
    pop_transport_tls_set(self->transport, -1);
    assert_receives(self, text);
    pop_transport_tls_set(self->transport, self->fds[0]);
}

/* --- receiving ---------------------------------------------------------- */

static void
test_recv_and_send(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 2 * COUNT_OF(versions); i++) {
        struct tls_fixture self;

        connect_version(&self, versions[i / 2]);
        /* The descriptor's own mode does not matter. */
        assert_int_equal(
            fcntl(self.fds[0], F_SETFL, i % 2 == 0 ? 0 : O_NONBLOCK), 0);
        assert_int_equal(tls_receive(&self), POP_WANT_READ);
        assert_int_equal(self.done, 0);
        server_says(&self.server, "+OK\r\n");
        assert_receives(&self, "+OK\r\n");
        assert_int_equal(tls_send(&self, "NOOP\r\n", 6), POP_OK);
        assert_int_equal(self.done, 6);
        assert_int_equal(server_read(&self.server), 1);
        assert_int_equal(self.server.done, 6);
        assert_memory_equal(self.server.space, "NOOP\r\n", 6);
        assert_int_equal(tls_receive(&self), POP_WANT_READ);
        close_tls(&self);
    }
}

static void
test_recv_stores_no_more_than_there_is_room(void **state)
{
    struct support_page page = support_page_new("...", 3);
    struct tls_fixture self;

    (void)state;
    connect_version(&self, 0);
    server_says(&self.server, "ab");
    server_says(&self.server, "cde");
    assert_int_equal(self.transport->ops->recv(self.transport, page.bytes, 3,
                                               &self.done, &self.deadline,
                                               &self.error),
                     POP_OK);
    assert_int_equal(self.done, 3);
    assert_memory_equal(page.bytes, "abc", 3);
    assert_receives(&self, "de");
    support_page_free(&page);
    close_tls(&self);
}

static void
test_recv_gathers_records(void **state)
{
    struct tls_fixture self;
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        connect_version(&self, versions[i]);
        server_says(&self.server, "+OK\r\n");
        server_says(&self.server, "a\r\n");
        server_says(&self.server, ".\r\n");
        assert_receives(&self, "+OK\r\na\r\n.\r\n");
        assert_int_equal(tls_receive(&self), POP_WANT_READ);
        close_tls(&self);
    }
}

/* Sends `length` bytes in records of `step` octets; they all come, and no
   more. */
static size_t
count_receives(int version, size_t length, size_t step)
{
    static char bytes[8 * RECORD_OCTETS];
    struct tls_fixture self;
    size_t received = 0;
    size_t calls = 0;
    size_t i;

    assert_true(length <= sizeof(bytes));
    for (i = 0; i < length; i++) {
        bytes[i] = (char)(i % 251);
    }
    connect_version(&self, version);
    for (i = 0; i < length; i += step) {
        server_write(&self.server, bytes + i, step);
    }
    server_send(&self.server);
    for (; received < length; received += self.done, calls++) {
        assert_int_equal(tls_receive(&self), POP_OK);
        assert_in_range(self.done, 1, length - received);
        assert_memory_equal(self.space, bytes + received, self.done);
    }
    assert_int_equal(tls_receive(&self), POP_WANT_READ);
    close_tls(&self);
    return calls;
}

static void
test_records_of_any_size(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        assert_int_equal(count_receives(versions[i], 1000, 1), 1);
        assert_int_equal(count_receives(versions[i], 3000, 100), 1);
        assert_in_range(
            count_receives(versions[i], 8 * RECORD_OCTETS, RECORD_OCTETS), 2,
            8);
    }
}

static void
test_a_record_that_comes_in_parts(void **state)
{
    struct tls_fixture self;
    size_t length;
    char *record;
    size_t i;

    (void)state;
    connect_version(&self, 0);
    server_write(&self.server, "+OK\r\n", 5);
    record = server_take(&self.server, &length);
    for (i = 0; i < length; i++) {
        assert_int_equal(tls_receive(&self), POP_WANT_READ);
        assert_int_equal(tls_pending(&self), 0);
        peer_sends_raw(&self, record + i, 1);
    }
    assert_receives(&self, "+OK\r\n");
    free(record);
    close_tls(&self);
}

/* --- what is there without the descriptor ------------------------------- */

static void
test_what_was_read_ahead_is_pending(void **state)
{
    static const size_t rooms[] = {1, 5};
    size_t i;

    (void)state;
    /* In the middle of a record, and at its end. */
    for (i = 0; i < COUNT_OF(rooms); i++) {
        struct tls_fixture self;
        char octet;

        connect_version(&self, 0);
        assert_int_equal(tls_pending(&self), 0);
        server_says(&self.server, "first");
        server_says(&self.server, "second");
        assert_int_equal(tls_pending(&self), 0);
        self.room = rooms[i];
        assert_int_equal(tls_receive(&self), POP_OK);
        assert_int_equal(self.done, rooms[i]);
        assert_int_equal(recv(self.fds[0], &octet, 1, MSG_DONTWAIT), -1);
        assert_int_equal(tls_pending(&self), rooms[i] == 1 ? 4 : 6);
        assert_int_equal(tls_pending(&self), rooms[i] == 1 ? 4 : 6);
        assert_true(tls_is_readable(&self));
        self.room = sizeof(self.space);
        assert_is_here(&self, rooms[i] == 1 ? "irstsecond" : "second");
        assert_int_equal(tls_pending(&self), 0);
        assert_false(tls_is_readable(&self));
        close_tls(&self);
    }
}

static void
test_readable_means_bytes(void **state)
{
    struct tls_fixture self;

    (void)state;
    connect_version(&self, TLS1_2_VERSION);
    assert_int_equal(tls_receive(&self), POP_WANT_READ);
    assert_false(tls_is_readable(&self));
    server_says(&self.server, "x");
    assert_true(tls_is_readable(&self));
    assert_true(tls_is_readable(&self));
    pop_transport_tls_set(self.transport, -1);
    assert_false(tls_is_readable(&self));
    pop_transport_tls_set(self.transport, self.fds[0]);
    assert_receives(&self, "x");
    assert_false(tls_is_readable(&self));
    assert_int_equal(shutdown(self.fds[1], SHUT_WR), 0);
    assert_false(tls_is_readable(&self));
    assert_int_equal(tls_receive(&self), POP_EOF);
    assert_false(tls_is_readable(&self));
    close_tls(&self);
}

/* --- the end ------------------------------------------------------------ */

static void
assert_at_eof(struct tls_fixture *self)
{
    int round;

    for (round = 0; round < 2; round++) {
        assert_int_equal(tls_receive(self), POP_EOF);
        assert_int_equal(self->done, 0);
        assert_false(tls_is_readable(self));
        assert_int_equal(tls_pending(self), 0);
    }
}

static void
test_eof_comes_after_the_last_byte(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        struct tls_fixture self;

        connect_version(&self, versions[i]);
        server_write(&self.server, "bye", 3);
        (void)SSL_shutdown(self.server.ssl);
        server_send(&self.server);
        assert_receives(&self, "bye");
        assert_at_eof(&self);
        /* The server may go on reading. */
        assert_int_equal(tls_send(&self, "QUIT\r\n", 6), POP_OK);
        assert_int_equal(server_read(&self.server), 1);
        assert_int_equal(self.server.done, 6);
        close_tls(&self);
    }
}

/* From 3.0 on OpenSSL gives the session up where it ends like that. */
static void
assert_sends_behind_the_end(struct tls_fixture *self)
{
    enum pop_status status = tls_send(self, "QUIT\r\n", 6);

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    assert_int_equal(status, POP_TLS_EOF);
    assert_int_equal(self->done, 0);
#else
    assert_int_equal(status, POP_OK);
    assert_int_equal(self->done, 6);
#endif
}

static void
test_the_end_without_close_notify_is_the_end(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        struct tls_fixture self;

        connect_version(&self, versions[i]);
        server_says(&self.server, "bye");
        assert_int_equal(shutdown(self.fds[1], SHUT_WR), 0);
        assert_receives(&self, "bye");
        assert_at_eof(&self);
        assert_sends_behind_the_end(&self);
        assert_at_eof(&self);
        close_tls(&self);
    }
}

/* --- life --------------------------------------------------------------- */

static void
test_descriptor_can_change(void **state)
{
    struct tls_fixture self;
    int other[2];
    int own;

    (void)state;
    connect_version(&self, TLS1_2_VERSION);
    support_socketpair(other);
    own = self.server.fd;
    self.server.fd = other[1];
    pop_transport_tls_set(self.transport, other[0]);
    assert_int_equal(tls_send(&self, "NOOP\r\n", 6), POP_OK);
    assert_int_equal(server_read(&self.server), 1);
    server_says(&self.server, "+OK\r\n");
    assert_int_equal(tls_receive(&self), POP_OK);
    self.server.fd = own;
    support_close_pair(other);
    close_tls(&self);
}

static void
test_destroy_does_not_touch_the_descriptor(void **state)
{
    struct tls_fixture self;

    (void)state;
    connect_version(&self, 0);
    self.transport->ops->destroy(self.transport);
    assert_int_equal(recv(self.fds[1], self.space, 1, MSG_DONTWAIT), -1);
    assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
    close_server(&self.server);
    identity_free(&self.identity);
    support_close_pair(self.fds);
}

static void
test_it_runs_without_python(void **state)
{
    struct tls_fixture self;

    (void)state;
    connect_version(&self, 0);
    assert_false(self.transport->ops->needs_gil);
    close_tls(&self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_recv_and_send),
        UNIT_TEST(test_recv_stores_no_more_than_there_is_room),
        UNIT_TEST(test_recv_gathers_records),
        UNIT_TEST(test_records_of_any_size),
        UNIT_TEST(test_a_record_that_comes_in_parts),
        UNIT_TEST(test_what_was_read_ahead_is_pending),
        UNIT_TEST(test_readable_means_bytes),
        UNIT_TEST(test_eof_comes_after_the_last_byte),
        UNIT_TEST(test_the_end_without_close_notify_is_the_end),
        UNIT_TEST(test_descriptor_can_change),
        UNIT_TEST(test_destroy_does_not_touch_the_descriptor),
        UNIT_TEST(test_it_runs_without_python),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
