/* The methods of the BIO: recv() and send() that never block. */

#include "core/tls/tls_bio.h"

#include <errno.h>
#include <openssl/ssl.h>

#include "core/net/socket.h"
#include "core/net/wait.h"

/* Returns true if a failed system call may succeed when repeated. */
static bool
is_passing(int number)
{
    return pop_wait_is_due(number) || number == EINTR;
}

/* Keeps the first failure, the cause: OpenSSL then tries to send an alert,
   which fails, too. */
static void
note_failure(struct pop_tls_socket *self, int number)
{
    if (self->sys == 0 && !self->eof) {
        self->sys = number;
    }
}

static int
bio_read(BIO *bio, char *space, int room)
{
    struct pop_tls_socket *self = BIO_get_data(bio);
    ssize_t n;

    BIO_clear_retry_flags(bio);
    if (self->budget == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    n = pop_socket_recv(self->fd, &self->flowing, space, (size_t)room, false);
    if (n > 0) {
        self->budget -= (size_t)n < self->budget ? (size_t)n : self->budget;
    }
    else if (n == 0) {
        self->eof = true;
    }
    else if (n < 0 && is_passing(errno)) {
        BIO_set_retry_read(bio);
    }
    else if (n < 0) {
        note_failure(self, errno);
    }
    return (int)n;
}

static int
bio_write(BIO *bio, const char *bytes, int length)
{
    struct pop_tls_socket *self = BIO_get_data(bio);
    ssize_t n = pop_socket_send(self->fd, &self->flowing, bytes,
                                (size_t)length, false);

    BIO_clear_retry_flags(bio);
    if (n < 0 && is_passing(errno)) {
        BIO_set_retry_write(bio);
    }
    else if (n < 0) {
        note_failure(self, errno);
    }
    return (int)n;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    struct pop_tls_socket *self = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return self->eof;
    default:
        return 0;
    }
}

static BIO_METHOD *
new_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "POP3 socket");

    if (method == NULL || !BIO_meth_set_read(method, bio_read) ||
        !BIO_meth_set_write(method, bio_write) ||
        !BIO_meth_set_ctrl(method, bio_ctrl)) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

bool
pop_tls_bio_attach(struct ssl_st *ssl, struct pop_tls_socket *socket)
{
    BIO *bio;

    socket->method = new_method();
    if (socket->method == NULL) {
        return false;
    }
    bio = BIO_new(socket->method);
    if (bio == NULL) {
        return false;
    }
    BIO_set_data(bio, socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return true;
}

void
pop_tls_bio_release(struct pop_tls_socket *socket)
{
    BIO_meth_free(socket->method);
    socket->method = NULL;
}
