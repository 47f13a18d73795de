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
#include "core/net/wait.h"

/* What OpenSSL may receive without giving an octet: enough for the largest
   handshake, and little enough for deadlines and signals to be looked at in
   between. */
#define OCTETS_PER_CALL ((size_t)256 * 1024)

/* A server renews its keys once in a while, if at all; one that does nothing
   else is refused. */
#define MOST_RENEGOTIATIONS 32

struct transport_tls {
    struct pop_transport base;
    SSL *ssl;
    struct pop_tls_socket socket; /* sys, eof: in the last SSL call */
    bool replying; /* bytes have come since the last send: more may be there
                      already, so receive before waiting */
    bool begun;    /* a record was sent in part */
    enum pop_status failed; /* for good, and how; POP_OK: not */
    struct pop_error failure;
    struct pop_tls_names names;
    char host[256];
};

#define TLS(transport) ((struct transport_tls *)(transport))

static const struct pop_error no_details;

/* --- one call, until it is done ----------------------------------------- */

/* What an SSL call is given, and what comes of it. */
struct piece {
    char *space;
    const char *bytes;
    size_t length;
    size_t done;
};

/* Returns what the SSL function does: above 0 for success. */
typedef int (*ssl_call)(SSL *ssl, struct piece *piece);

/* What a failed SSL call means; right behind it, in the same thread.
   POP_NEED_INPUT: *events are to be waited for.  POP_TLS_EOF: the session has
   ended before, and OpenSSL says no more.  What has happened first counts: the
   alert that OpenSSL sends about it may fail as well. */
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
    /* OpenSSL 3.5 queues a system call's failure too, with a stale errno. */
    if (kind == SSL_ERROR_SYSCALL && self->socket.sys != 0) {
        *error = no_details;
    }
    if (error->tls != 0) {
        return status;
    }
    error->sys = self->socket.sys;
    return error->sys == 0 ? POP_TLS_EOF : POP_SYSTEM;
}

/* OpenSSL then answers with an alert that is no more than a warning (RFC 5246,
   section 7.2.2). */
static void
bound_renegotiations(SSL *ssl)
{
    if (SSL_total_renegotiations(ssl) >= MOST_RENEGOTIATIONS) {
        (void)SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
    }
}

/* Within the budget that is left. */
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

/* `text` is what was waited for. */
static enum pop_status
time_out(const char *text, struct pop_error *error)
{
    (void)snprintf(error->text, sizeof(error->text),
                   "The %s operation timed out", text);
    return POP_TIMEOUT;
}

static enum pop_status
wait_for(struct transport_tls *self, short events, const char *text,
         struct pop_timeout *deadline, struct pop_error *error)
{
    enum pop_status status;

    if (deadline->timeout == POP_WAIT_NEVER) {
        return events == POLLIN ? POP_WANT_READ : POP_WANT_WRITE;
    }
    *error = no_details;
    status = pop_wait_for(self->socket.fd, events, deadline, error);
    return status == POP_TIMEOUT ? time_out(text, error) : status;
}

/* A peer that never pauses must lock out neither the deadline, nor its limit,
   nor signal handlers. */
static enum pop_status
pause_for(const char *text, struct pop_timeout *deadline,
          struct pop_error *error)
{
    if (pop_deadline_has_passed(&deadline->limit)) {
        return pop_deadline_end(&deadline->limit, error);
    }
    if (deadline->timeout > 0 && pop_timeout_poll_ms(deadline) == 0) {
        return time_out(text, error);
    }
    return POP_INTERRUPTED;
}

static enum pop_status
run(struct transport_tls *self, ssl_call call, struct piece *piece,
    const char *text, struct pop_timeout *deadline, struct pop_error *error)
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
                     ? pause_for(text, deadline, error)
                     : wait_for(self, events, text, deadline, error);
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

/* OpenSSL tells what has happened only once. */
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

/* More of what is here already, as long as there is room and budget; what
   fails now is told by the next recv. */
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
                   size_t *received, struct pop_timeout *deadline,
                   struct pop_error *error)
{
    struct transport_tls *self = TLS(transport);
    struct piece piece = {.space = space, .length = room};
    enum pop_status status = POP_OK;

    *received = 0;
    if (self->failed != POP_OK) {
        return repeat_failure(self, error);
    }
    if (!self->replying && deadline->timeout != POP_WAIT_NEVER &&
        !SSL_has_pending(self->ssl)) {
        status = wait_for(self, POLLIN, "read", deadline, error);
    }
    if (status == POP_OK) {
        status = run(self, call_read, &piece, "read", deadline, error);
    }
    if (status != POP_OK) {
        return note_failure(self, status, error);
    }
    self->replying = true;
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
                   size_t length, size_t *sent, struct pop_timeout *deadline,
                   struct pop_error *error)
{
    struct transport_tls *self = TLS(transport);
    struct piece piece = {.bytes = bytes, .length = length};
    enum pop_status status;

    *sent = 0;
    self->replying = false;
    /* A server that has said its last word with close_notify may go on
       reading (RFC 8446, section 6.1). */
    if (self->failed != POP_OK && self->failed != POP_EOF) {
        return repeat_failure(self, error);
    }
    status = run(self, call_write, &piece, "write", deadline, error);
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
                   bool sendable, struct pop_timeout *deadline,
                   struct pop_error *error)
{
    enum pop_status status;

    *error = no_details;
    status = pop_wait_either(TLS(transport)->socket.fd, receivable, sendable,
                             deadline, error);
    return status == POP_TIMEOUT ? time_out("read", error) : status;
}

/* --- life --------------------------------------------------------------- */

static void
transport_tls_interrupt(struct pop_transport *transport)
{
    /* Fails only where nothing can be blocked any more. */
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
                            struct pop_timeout *deadline,
                            struct pop_error *error)
{
    struct transport_tls *self = TLS(transport);
    enum pop_status status;

    status = run(self, call_handshake, NULL, "handshake", deadline, error);
    if (status == POP_EOF) {
        return POP_TLS_EOF;
    }
    if (status == POP_TLS) {
        pop_tls_verify_explain(self->ssl, self->host, &self->names, error);
    }
    return status;
}

/* Twice: 0 says that close_notify was sent, and the server's is to come. */
static int
call_shutdown(SSL *ssl, struct piece *piece)
{
    int result = SSL_shutdown(ssl);

    (void)piece;
    return result == 0 ? SSL_shutdown(ssl) : result;
}

enum pop_status
pop_transport_tls_shutdown(struct pop_transport *transport,
                           struct pop_timeout *deadline,
                           struct pop_error *error)
{
    enum pop_status status;

    /* Nothing behind the server's close_notify is ours. */
    SSL_set_read_ahead(TLS(transport)->ssl, 0);
    status = run(TLS(transport), call_shutdown, NULL, "read", deadline, error);
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
