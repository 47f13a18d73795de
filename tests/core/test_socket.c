/* When a connection acknowledges what has come, and when it hurries: counted
   by a setsockopt() in place of the system's. */

#include "core/net/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "socket_fixture.h"
#include "tls_pair.h"

static int acknowledgements;
static int hurries;

/* In place of the system's.  It fails, which doesn't matter to anyone. */
int
setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
    assert_true(fd >= 0);
    assert_int_equal(level, IPPROTO_TCP);
    assert_int_equal(length, sizeof(int));
    assert_int_equal(*(const int *)value, 1);
#ifdef TCP_QUICKACK
    acknowledgements += option == TCP_QUICKACK;
#endif
    hurries += option == TCP_NODELAY;
    errno = ENOPROTOOPT;
    return -1;
}

/* Since the last call. */
static void
assert_acknowledged(int times)
{
#ifdef TCP_QUICKACK
    assert_int_equal(acknowledgements, times);
#else
    assert_int_equal(acknowledgements, times * 0);
#endif
    acknowledgements = 0;
}

static void
send_noop(struct fixture *self)
{
    assert_int_equal(send_bytes(self, "NOOP\r\n", 6), POP_OK);
}

static void
receive_later(struct fixture *self)
{
    struct support_task task = {.delay_ms = 20,
                                .fd = self->fds[1],
                                .bytes = "piece\r\n",
                                .length = 7,
                                .run = support_send_all};

    support_start(&task);
    assert_int_equal(receive(self), POP_OK);
    assert_received(self, "piece\r\n");
    support_join(&task);
}

static void
test_each_wait_in_a_reply_acknowledges(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(modes); i++) {
        struct fixture self;
        int reply;

        open_fixture(&self, modes[i].blocking, modes[i].timeout);
        for (reply = 0; reply < 2; reply++) {
            int piece;

            send_noop(&self);
            receive_later(&self);
            assert_acknowledged(0);
            for (piece = 0; piece < 2; piece++) {
                receive_later(&self);
                assert_acknowledged(1);
            }
        }
        close_fixture(&self);
    }
}

static void
test_what_is_there_is_not_acknowledged(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(modes); i++) {
        struct fixture self;
        int piece;

        open_fixture(&self, modes[i].blocking, modes[i].timeout);
        send_noop(&self);
        for (piece = 0; piece < 3; piece++) {
            peer_sends(&self, "piece\r\n");
            assert_int_equal(receive(&self), POP_OK);
        }
        send_noop(&self);
        assert_acknowledged(0);
        close_fixture(&self);
    }
}

static void
test_bytes_are_acknowledged_once(void **state)
{
    struct fixture self;
    int piece;

    (void)state;
    open_fixture(&self, false, POP_WAIT_NEVER);
    for (piece = 0; piece < 2; piece++) {
        peer_sends(&self, "piece\r\n");
        assert_int_equal(receive(&self), POP_OK);
        assert_acknowledged(0);
        assert_int_equal(receive(&self), POP_TIMEOUT);
        assert_acknowledged(1);
        assert_int_equal(receive(&self), POP_TIMEOUT);
        assert_acknowledged(0);
    }
    close_fixture(&self);
}

static void
test_a_send_that_fails_acknowledges_nothing(void **state)
{
    struct fixture self;

    (void)state;
    open_fixture(&self, false, POP_WAIT_NEVER);
    support_fill_send_buffer(self.fds[0]);
    peer_sends(&self, "piece\r\n");
    assert_int_equal(receive(&self), POP_OK);
    assert_int_equal(send_bytes(&self, "NOOP\r\n", 6), POP_TIMEOUT);
    assert_int_equal(receive(&self), POP_TIMEOUT);
    assert_acknowledged(1);
    close_fixture(&self);
}

/* Takes what the server says out of the client's socket, encrypted. */
static size_t
intercept(struct tls_pair *self, const char *text, char *record, size_t room)
{
    ssize_t length;

    server_says(self, text);
    length = recv(self->fds[0], record, room, MSG_DONTWAIT);
    assert_true(length > 0);
    return (size_t)length;
}

static void
test_a_part_of_a_record_is_acknowledged(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        struct tls_pair self;
        char record[256];
        size_t length;

        connect_tls(&self, versions[i]);
        /* With the tickets of TLS 1.3. */
        assert_int_equal(tls_receive(&self), POP_WANT_READ);
        assert_int_equal(tls_send(&self, "NOOP\r\n"), POP_OK);
        acknowledgements = 0;
        assert_int_equal(tls_receive(&self), POP_WANT_READ);
        assert_acknowledged(0);
        length = intercept(&self, "+OK\r\n", record, sizeof(record));
        server_says_raw(&self, record, 3);
        assert_int_equal(tls_receive(&self), POP_WANT_READ);
        assert_acknowledged(1);
        server_says_raw(&self, record + 3, length - 3);
        assert_receives(&self, "+OK\r\n");
        assert_acknowledged(0);
        assert_int_equal(tls_receive(&self), POP_WANT_READ);
        assert_acknowledged(1);
        close_tls(&self);
    }
}

static void
push(struct pop_link *link)
{
    struct pop_error error;

    assert_int_equal(pop_buffer_append(&link->out, "NOOP\r\n", 6), POP_OK);
    assert_int_equal(pop_link_push(link, &error), POP_OK);
}

static void
test_the_first_push_hurries(void **state)
{
    struct pop_link link;
    struct pop_error error;
    struct tls_pair pair;
    int fds[2];

    (void)state;
    open_link(fds, &link, false, POP_WAIT_FOREVER);
    assert_int_equal(pop_buffer_append(&link.out, "NOOP\r\n", 6), POP_OK);
    assert_int_equal(pop_link_flush(&link, &error), POP_OK);
    assert_int_equal(hurries, 0);
    push(&link);
    assert_int_equal(hurries, 1);
    push(&link);
    assert_int_equal(hurries, 1);
    close_link(fds, &link);

    connect_tls(&pair, 0);
    pop_link_init(&link);
    link.transport = pair.transport;
    push(&link);
    push(&link);
    assert_int_equal(hurries, 2);
    pop_link_release(&link);
    close_tls(&pair);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_each_wait_in_a_reply_acknowledges),
        UNIT_TEST(test_what_is_there_is_not_acknowledged),
        UNIT_TEST(test_bytes_are_acknowledged_once),
        UNIT_TEST(test_a_send_that_fails_acknowledges_nothing),
        UNIT_TEST(test_a_part_of_a_record_is_acknowledged),
        UNIT_TEST(test_the_first_push_hurries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
