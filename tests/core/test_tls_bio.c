#include "core/tls/tls_bio.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

/* An SSL on one of two connected sockets, which nobody speaks TLS on. */
struct bio_fixture {
    int fds[2];
    SSL_CTX *config;
    SSL *ssl;
    struct pop_tls_socket socket;
    BIO *bio;
    char space[64];
};

static void
open_bio(struct bio_fixture *self, void (*connect_pair)(int fds[2]))
{
    memset(self, 0, sizeof(*self));
    connect_pair(self->fds);
    self->config = SSL_CTX_new(TLS_client_method());
    self->ssl = SSL_new(self->config);
    assert_non_null(self->ssl);
    self->socket.fd = self->fds[0];
    self->socket.budget = sizeof(self->space);
    assert_true(pop_tls_bio_attach(self->ssl, &self->socket));
    self->bio = SSL_get_rbio(self->ssl);
    assert_ptr_equal(SSL_get_wbio(self->ssl), self->bio);
}

static void
close_bio(struct bio_fixture *self)
{
    SSL_free(self->ssl);
    pop_tls_bio_release(&self->socket);
    assert_null(self->socket.method);
    SSL_CTX_free(self->config);
    support_close_pair(self->fds);
}

static int
bio_read(struct bio_fixture *self)
{
    return BIO_read(self->bio, self->space, sizeof(self->space));
}

/* The descriptors are in blocking mode. */
static void
test_nothing_blocks(void **state)
{
    struct bio_fixture self;

    (void)state;
    open_bio(&self, support_socketpair);
    assert_int_equal(bio_read(&self), -1);
    assert_true(BIO_should_read(self.bio));
    assert_true(BIO_should_retry(self.bio));
    support_fill_send_buffer(self.fds[0]);
    assert_int_equal(BIO_write(self.bio, "NOOP\r\n", 6), -1);
    assert_true(BIO_should_write(self.bio));
    assert_true(BIO_should_retry(self.bio));
    assert_false(BIO_should_read(self.bio));
    assert_int_equal(self.socket.sys, 0);
    assert_false(self.socket.eof);
    /* The next call that succeeds is to be tried no more. */
    assert_int_equal(send(self.fds[1], "+", 1, 0), 1);
    assert_int_equal(bio_read(&self), 1);
    assert_false(BIO_should_retry(self.bio));
    close_bio(&self);
}

static void
test_eof_is_noted(void **state)
{
    struct bio_fixture self;

    (void)state;
    open_bio(&self, support_socketpair);
    assert_false(BIO_eof(self.bio));
    assert_int_equal(shutdown(self.fds[1], SHUT_WR), 0);
    assert_int_equal(bio_read(&self), 0);
    assert_false(BIO_should_retry(self.bio));
    assert_true(self.socket.eof);
    assert_true(BIO_eof(self.bio));
    assert_int_equal(self.socket.sys, 0);
    close_bio(&self);
}

static void
test_failures_are_noted(void **state)
{
    struct linger at_once = {1, 0};
    struct bio_fixture self;

    (void)state;
    open_bio(&self, support_tcp_pair);
    assert_int_equal(setsockopt(self.fds[1], SOL_SOCKET, SO_LINGER, &at_once,
                                sizeof(at_once)),
                     0);
    assert_int_equal(close(self.fds[1]), 0);
    self.fds[1] = dup(self.fds[0]);
    assert_int_equal(bio_read(&self), -1);
    assert_int_equal(self.socket.sys, ECONNRESET);
    assert_false(BIO_should_retry(self.bio));
    assert_false(self.socket.eof);
    self.socket.sys = 0;
    /* No SIGPIPE, which would end this program. */
    assert_int_equal(BIO_write(self.bio, "NOOP\r\n", 6), -1);
    assert_int_equal(self.socket.sys, EPIPE);
    assert_false(BIO_should_retry(self.bio));
    close_bio(&self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_nothing_blocks),
        UNIT_TEST(test_eof_is_noted),
        UNIT_TEST(test_failures_are_noted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
