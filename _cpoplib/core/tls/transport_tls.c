/* The transport that speaks TLS on a connected socket (see
   core/net/transport.h).  Calls the other files of core/tls, core/net/socket.h
   and wait.h, and core/proto/mem.h. */

#include "core/net/transport.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/proto/mem.h"
#include "core/tls/tls_bio.h"
#include "core/tls/tls_config.h"
#include "core/tls/tls_error.h"
#include "core/tls/tls_verify.h"
#include "core/net/socket.h"
#include "core/net/wait.h"

/* The most octets that one SSL call receives: more than the largest handshake,
   and few enough to look at deadlines and signals often. */
#define OCTETS_PER_CALL ((size_t)256 * 1024)

/* Servers renew their keys rarely.  One that does nothing else is refused. */
#define MOST_RENEGOTIATIONS 32

struct transport_tls {
    struct pop_transport base;
    SSL *ssl;
    struct pop_tls_socket socket; /* sys, eof: of the last SSL call */
    bool begun;                   /* a part of a record was sent */
    enum pop_status failed;       /* the permanent failure, or POP_OK */
    struct pop_error failure;
    struct pop_tls_names names;
    char host[256];
};

#define TLS(transport) ((struct transport_tls *)(transport))

static const struct pop_error no_details;

/* --- one call, until it is done ----------------------------------------- */

/* The bytes of an SSL call, and how many of them are done. */
struct piece {
    char *space;
    const char *bytes;
    size_t length;
    size_t done;
};

/* Returns the SSL function's result, above 0 for success. */
typedef int (*ssl_call)(SSL *ssl, struct piece *piece);

/* Classifies a failed SSL call, directly after it and in its thread.  Returns
   POP_NEED_INPUT if *events are to be waited for, and POP_TLS_EOF if the
   session had ended before and OpenSSL says no more.  The first failure
   counts: the alert that OpenSSL sends about it may fail, too. */
static enum pop_status
classify(struct transport_tls *self, int result, short *events,
         struct pop_error *error)
{
    int kind = SSL_get_error(self->ssl, result);
    enum pop_status status;

    *error = no_details;
    switch (kind) {
    case SSL_ERROR_WANT_READ:
        *events = POLLIN;
        return POP_NEED_INPUT;
    case SSL_ERROR_WANT_WRITE:
        *events = POLLOUT;
        return POP_NEED_INPUT;
    case SSL_ERROR_ZERO_RETURN:
        return POP_EOF;
    default:
        break;
    }
    status = pop_tls_error_take(error);
    if (self->socket.eof) {
        *error = no_details;
        return POP_EOF;
    }
    /* OpenSSL 3.5 also queues a system call's failure, with a stale errno. */
    if (kind == SSL_ERROR_SYSCALL && self->socket.sys != 0) {
        *error = no_details;
    }
    if (error->tls != 0) {
        return status;
    }
    error->sys = self->socket.sys;
    return error->sys == 0 ? POP_TLS_EOF : POP_SYSTEM;
}

/* Refuses further renegotiations by an alert that is only a warning (RFC 5246,
   section 7.2.2). */
static void
bound_renegotiations(SSL *ssl)
{
    if (SSL_total_renegotiations(ssl) >= MOST_RENEGOTIATIONS) {
        (void)SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
    }
}

/* Makes one SSL call, within the budget that is left.  Returns POP_OK or what
   classify() returns. */
static enum pop_status
attempt(struct transport_tls *self, ssl_call call, struct piece *piece,
        short *events, struct pop_error *error)
{
    int result;

    self->socket.sys = 0;
    self->socket.eof = false;
    bound_renegotiations(self->ssl);
    pop_tls_error_clear();
    result = call(self->ssl, piece);
    return result > 0 ? POP_OK : classify(self, result, events, error);
}

/* Returns POP_TIMEOUT; `text` names the operation. */
static enum pop_status
time_out(const char *text, struct pop_error *error)
{
    (void)snprintf(error->text, sizeof(error->text),
                   "The %s operation timed out", text);
    return POP_TIMEOUT;
}

static enum pop_status
wait_for(struct transport_tls *self, short events, const char *text,
         struct pop_timeout *timeout, struct pop_error *error)
{
    enum pop_status status;

    if (timeout->duration == POP_WAIT_NEVER) {
        return events == POLLIN ? POP_WANT_READ : POP_WANT_WRITE;
    }
    *error = no_details;
    status = pop_wait_for(self->socket.fd, events, timeout, error);
    return status == POP_TIMEOUT ? time_out(text, error) : status;
}

/* Ends a call that has used up its budget, so that a peer that never pauses
   can't keep deadlines and signal handlers from being looked at. */
static enum pop_status
pause_for(const char *text, struct pop_timeout *timeout,
          struct pop_error *error)
{
    if (pop_deadline_has_passed(&timeout->deadline)) {
        return pop_deadline_end(&timeout->deadline, error);
    }
    if (timeout->duration > 0 && pop_timeout_poll_ms(timeout) == 0) {
        return time_out(text, error);
    }
    return POP_INTERRUPTED;
}

static enum pop_status
run(struct transport_tls *self, ssl_call call, struct piece *piece,
    const char *text, struct pop_timeout *timeout, struct pop_error *error)
{
    self->socket.budget = OCTETS_PER_CALL;
    for (;;) {
        short events = 0;
        enum pop_status status;

        status = attempt(self, call, piece, &events, error);
        if (status != POP_NEED_INPUT) {
            return status;
        }
        status = self->socket.budget == 0
                     ? pause_for(text, timeout, error)
                     : wait_for(self, events, text, timeout, error);
        if (status != POP_OK) {
            return status;
        }
    }
}

/* --- failures for good -------------------------------------------------- */

static bool
is_final(enum pop_status status)
{
    return status == POP_SYSTEM || status == POP_TLS ||
           status == POP_TLS_EOF || status == POP_EOF ||
           status == POP_NO_MEMORY;
}

/* Keeps a permanent failure, which OpenSSL tells only once. */
static enum pop_status
note_failure(struct transport_tls *self, enum pop_status status,
             const struct pop_error *error)
{
    if (is_final(status) && self->failed == POP_OK) {
        self->failed = status;
        self->failure = *error;
    }
    return status;
}

static enum pop_status
repeat_failure(const struct transport_tls *self, struct pop_error *error)
{
    *error = self->failure;
    return self->failed;
}

/* --- receiving ---------------------------------------------------------- */

static int
call_read(SSL *ssl, struct piece *piece)
{
    return SSL_read_ex(ssl, piece->space, piece->length, &piece->done);
}

/* Receives more of what has arrived, within room and budget.  The next recv
   reports a failure. */
static void
gather(struct transport_tls *self, struct piece *piece, size_t *received)
{
    while (piece->length > piece->done && SSL_has_pending(self->ssl)) {
        struct pop_error error = {0};
        enum pop_status status;
        short events;

        piece->space += piece->done;
        piece->length -= piece->done;
        piece->done = 0;
        status = attempt(self, call_read, piece, &events, &error);
        if (status != POP_OK) {
            (void)note_failure(self, status, &error);
            return;
        }
        *received += piece->done;
    }
}

static enum pop_status
transport_tls_recv(struct pop_transport *transport, char *space, size_t room,
                   size_t *received, struct pop_timeout *timeout,
                   struct pop_error *error)
{
    struct transport_tls *self = TLS(transport);
    struct piece piece = {.space = space, .length = room};
    enum pop_status status = POP_OK;

    *received = 0;
    if (self->failed != POP_OK) {
        return repeat_failure(self, error);
    }
    /* While bytes flow, more may be there: receives before waiting. */
    if (!self->socket.flowing && timeout->duration != POP_WAIT_NEVER &&
        !SSL_has_pending(self->ssl)) {
        status = wait_for(self, POLLIN, "read", timeout, error);
    }
    if (status == POP_OK) {
        status = run(self, call_read, &piece, "read", timeout, error);
    }
    if (status != POP_OK) {
        return note_failure(self, status, error);
    }
    *received = piece.done;
    gather(self, &piece, received);
    return POP_OK;
}

/* --- sending ------------------------------------------------------------ */

static int
call_write(SSL *ssl, struct piece *piece)
{
    return SSL_write_ex(ssl, piece->bytes, piece->length, &piece->done);
}

static enum pop_status
transport_tls_send(struct pop_transport *transport, const char *bytes,
                   size_t length, size_t *sent, struct pop_timeout *timeout,
                   struct pop_error *error)
{
    struct transport_tls *self = TLS(transport);
    struct piece piece = {.bytes = bytes, .length = length};
    enum pop_status status;

    *sent = 0;
    /* A server may read on after its close_notify (RFC 8446, section 6.1). */
    if (self->failed != POP_OK && self->failed != POP_EOF) {
        return repeat_failure(self, error);
    }
    status = run(self, call_write, &piece, "write", timeout, error);
    self->begun = status != POP_OK;
    if (status == POP_OK) {
        *sent = piece.done;
        return POP_OK;
    }
    if (status == POP_EOF) {
        status = POP_TLS_EOF;
    }
    return note_failure(self, status, error);
}

static bool
transport_tls_has_begun(struct pop_transport *transport)
{
    return TLS(transport)->begun;
}

static bool
transport_tls_readable(struct pop_transport *transport)
{
    struct transport_tls *self = TLS(transport);
    int available = 0;

    if (self->failed != POP_OK) {
        return false;
    }
    return SSL_has_pending(self->ssl) ||
           (ioctl(self->socket.fd, FIONREAD, &available) == 0 &&
            available > 0);
}

static enum pop_status
transport_tls_wait(struct pop_transport *transport, bool receivable,
                   bool sendable, struct pop_timeout *timeout,
                   struct pop_error *error)
{
    enum pop_status status;

    *error = no_details;
    status = pop_wait_either(TLS(transport)->socket.fd, receivable, sendable,
                             timeout, error);
    return status == POP_TIMEOUT ? time_out("read", error) : status;
}

static enum pop_status
transport_tls_hurry(struct pop_transport *transport)
{
    pop_socket_hurry(TLS(transport)->socket.fd);
    return POP_OK;
}

/* --- life --------------------------------------------------------------- */

static void
transport_tls_interrupt(struct pop_transport *transport)
{
    /* Fails only if no call can block any more. */
    (void)shutdown(TLS(transport)->socket.fd, SHUT_RDWR);
}

static void
transport_tls_destroy(struct pop_transport *transport)
{
    struct transport_tls *self = TLS(transport);

    SSL_free(self->ssl);
    pop_tls_bio_release(&self->socket);
    POP_FREE(self);
}

static const struct pop_transport_ops transport_tls_ops = {
    .recv = transport_tls_recv,
    .send = transport_tls_send,
    .has_begun = transport_tls_has_begun,
    .readable = transport_tls_readable,
    .wait = transport_tls_wait,
    .hurry = transport_tls_hurry,
    .interrupt = transport_tls_interrupt,
    .destroy = transport_tls_destroy,
    .needs_gil = false,
};

enum pop_status
pop_transport_tls_new(struct ssl_ctx_st *config, const char *host,
                      struct pop_transport **transport,
                      struct pop_error *error)
{
    struct transport_tls *self = POP_MALLOC(sizeof(*self));
    enum pop_status status;

    *transport = NULL;
    if (self == NULL) {
        return POP_NO_MEMORY;
    }
    memset(self, 0, sizeof(*self));
    self->base.ops = &transport_tls_ops;
    self->socket.fd = -1;
    (void)snprintf(self->host, sizeof(self->host), "%s",
                   host == NULL ? "" : host);
    status = pop_tls_config_session(config, host, &self->ssl, error);
    if (status == POP_OK && !pop_tls_bio_attach(self->ssl, &self->socket)) {
        status = pop_tls_error_take(error);
    }
    if (status != POP_OK) {
        transport_tls_destroy(&self->base);
        return status;
    }
    pop_tls_verify_watch(self->ssl, &self->names);
    *transport = &self->base;
    return POP_OK;
}

void
pop_transport_tls_set(struct pop_transport *transport, int fd)
{
    TLS(transport)->socket.fd = fd;
}

/* --- beginning and end -------------------------------------------------- */

static int
call_handshake(SSL *ssl, struct piece *piece)
{
    (void)piece;
    return SSL_do_handshake(ssl);
}

enum pop_status
pop_transport_tls_handshake(struct pop_transport *transport,
                            struct pop_timeout *timeout,
                            struct pop_error *error)
{
    struct transport_tls *self = TLS(transport);
    enum pop_status status;

    status = run(self, call_handshake, NULL, "handshake", timeout, error);
    if (status == POP_EOF) {
        return POP_TLS_EOF;
    }
    if (status == POP_TLS) {
        pop_tls_verify_explain(self->ssl, self->host, &self->names, error);
    }
    return status;
}

/* The result 0 says that close_notify was sent; the second call waits for the
   server's. */
static int
call_shutdown(SSL *ssl, struct piece *piece)
{
    int result = SSL_shutdown(ssl);

    (void)piece;
    return result == 0 ? SSL_shutdown(ssl) : result;
}

enum pop_status
pop_transport_tls_shutdown(struct pop_transport *transport,
                           struct pop_timeout *timeout,
                           struct pop_error *error)
{
    enum pop_status status;

    /* Bytes after the server's close_notify are for the caller, in plain
       text. */
    SSL_set_read_ahead(TLS(transport)->ssl, 0);
    status = run(TLS(transport), call_shutdown, NULL, "read", timeout, error);
    return status == POP_EOF ? POP_TLS_EOF : status;
}

static int
call_peek(SSL *ssl, struct piece *piece)
{
    return SSL_peek_ex(ssl, piece->space, piece->length, &piece->done);
}

size_t
pop_transport_tls_pending(struct pop_transport *transport)
{
    struct transport_tls *self = TLS(transport);

    if (self->failed == POP_OK && SSL_pending(self->ssl) == 0 &&
        SSL_has_pending(self->ssl)) {
        struct pop_error error = {0};
        char octet;
        struct piece piece = {.space = &octet, .length = 1};
        enum pop_status status;
        short events;

        self->socket.budget = OCTETS_PER_CALL;
        status = attempt(self, call_peek, &piece, &events, &error);
        (void)note_failure(self, status, &error);
    }
    return (size_t)SSL_pending(self->ssl);
}

size_t
pop_transport_tls_size(void)
{
    return sizeof(struct transport_tls);
}

struct ssl_st *
pop_transport_tls_session(struct pop_transport *transport)
{
    return TLS(transport)->ssl;
}
