#include "tls_server.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of a whole test program, which is stopped then. */
#define PATIENCE_MS 20000

static void
open_session(struct tls_server *server, SSL_CTX *config, int fd)
{
    memset(server, 0, sizeof(*server));
    server->config = config;
    server->fd = fd;
    server->records = NOT_CUT;
    server->ssl = SSL_new(config);
    assert_non_null(server->ssl);
    server->in = BIO_new(BIO_s_mem());
    server->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(server->in, -1);
    SSL_set_bio(server->ssl, server->in, server->out);
    SSL_set_accept_state(server->ssl);
}

void
open_server(struct tls_server *server, int version,
            const struct tls_identity *identity, int fd)
{
    SSL_CTX *config = SSL_CTX_new(TLS_server_method());

    assert_non_null(config);
    assert_int_equal(SSL_CTX_set_min_proto_version(config, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(config, version), 1);
    assert_int_equal(SSL_CTX_use_certificate(config, identity->certificate),
                     1);
    assert_int_equal(SSL_CTX_use_PrivateKey(config, identity->key), 1);
    open_session(server, config, fd);
}

void
reopen_server(struct tls_server *server, const struct tls_server *other)
{
    int fd = server->fd;

    close_server(server);
    assert_int_equal(SSL_CTX_up_ref(other->config), 1);
    open_session(server, other->config, fd);
}

void
close_server(struct tls_server *server)
{
    SSL_free(server->ssl);
    SSL_CTX_free(server->config);
}

/* --- records ------------------------------------------------------------ */

static void
send_octets(struct tls_server *server, const char *bytes, size_t length)
{
    struct support_task task = {.fd = server->fd,
                                .bytes = bytes,
                                .length = length,
                                .context = &server->drip_us};

    if (server->drip_us == 0) {
        support_send_all(&task);
    }
    else {
        drip(&task);
    }
}

char *
server_take(struct tls_server *server, size_t *length)
{
    char *bytes;

    *length = BIO_ctrl_pending(server->out);
    bytes = malloc(*length + 1);
    assert_non_null(bytes);
    if (*length > 0) {
        assert_int_equal(BIO_read(server->out, bytes, (int)*length), *length);
    }
    return bytes;
}

/* How many of the octets are not cut off. */
static size_t
cut(struct tls_server *server, const char *bytes, size_t length)
{
    size_t end = 0;

    while (end < length && server->records > 0) {
        const unsigned char *header = (const unsigned char *)bytes + end;

        end += RECORD_HEADER + ((size_t)header[3] << 8 | header[4]);
        server->records -= server->records != NOT_CUT;
        server->sent++;
    }
    if (end < length) {
        end += server->octets;
        server->octets = 0;
    }
    return end;
}

void
server_send(struct tls_server *server)
{
    size_t length;
    char *bytes = server_take(server, &length);
    size_t end = cut(server, bytes, length);

    send_octets(server, bytes, end);
    if (end < length) {
        (void)shutdown(server->fd, SHUT_WR);
    }
    free(bytes);
}

void
server_receive(struct tls_server *server)
{
    char bytes[4096];
    ssize_t n;

    while ((n = recv(server->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        assert_int_equal(BIO_write(server->in, bytes, (int)n), n);
    }
}

/* --- TLS ---------------------------------------------------------------- */

bool
server_step(struct tls_server *server)
{
    int result;

    server_receive(server);
    result = SSL_do_handshake(server->ssl);
    server_send(server);
    return result == 1 ||
           SSL_get_error(server->ssl, result) == SSL_ERROR_WANT_READ;
}

void
server_write(struct tls_server *server, const char *bytes, size_t length)
{
    size_t written;

    assert_int_equal(SSL_write_ex(server->ssl, bytes, length, &written), 1);
    assert_int_equal(written, length);
}

void
server_says(struct tls_server *server, const char *text)
{
    server_write(server, text, strlen(text));
    server_send(server);
}

int
server_read(struct tls_server *server)
{
    server_receive(server);
    server->done = 0;
    return SSL_read_ex(server->ssl, server->space, sizeof(server->space),
                       &server->done);
}

/* --- in a thread of its own --------------------------------------------- */

/* Signals are the main thread's. */
static void
block_signals(void)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
}

void
server_shake_hands(struct support_task *task)
{
    struct tls_server *server = task->context;
    struct pollfd descriptor = {.fd = server->fd, .events = POLLIN};

    block_signals();
    while (server_step(server) && !SSL_is_init_finished(server->ssl)) {
        if (poll(&descriptor, 1, PATIENCE_MS) <= 0 ||
            (descriptor.revents & (POLLHUP | POLLERR)) != 0) {
            break;
        }
    }
}

void
drip(struct support_task *task)
{
    const size_t *drip_us = task->context;

    while (task->done < task->length &&
           send(task->fd, task->bytes + task->done, 1, MSG_NOSIGNAL) == 1) {
        task->done++;
        (void)usleep((useconds_t)*drip_us);
    }
}
