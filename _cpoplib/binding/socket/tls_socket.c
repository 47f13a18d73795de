#include "binding/socket/tls_socket.h"

#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/socket/python_socket.h"
#include "core/proto/mem.h"
#include "core/net/transport.h"
#include "core/tls/tls_peer.h"

/* Steals the session unless it fails. */
static TLSSocketObject *
allocate(struct module_state *state, PyObject *sock, PyObject *server_hostname,
         struct pop_transport *session, PyObject *guard)
{
    PyTypeObject *type = state->tls_socket_type;
    TLSSocketObject *self;
    struct lock lock;

    if (lock_init(&lock, &state->locks) < 0) {
        return NULL;
    }
    self = TLSSOCKET(type->tp_alloc(type, 0));
    if (self == NULL) {
        lock_destroy(&lock);
        return NULL;
    }
    self->guard = Py_NewRef(guard);
    self->lock = lock;
    self->transport = session;
    self->state = state;
    self->module = Py_NewRef(state->module);
    self->sock = Py_NewRef(sock);
    self->server_hostname = Py_NewRef(server_hostname);
    self->certificate = Py_NewRef(Py_None);
    self->cipher = Py_NewRef(Py_None);
    self->version = Py_NewRef(Py_None);
    return self;
}

/* --- handshake ---------------------------------------------------------- */

struct handshake {
    struct pop_transport *transport;
    struct pop_timeout timeout;
};

static enum pop_status
shake_hands(void *argument, struct pop_error *error)
{
    struct handshake *self = argument;

    return pop_transport_tls_handshake(self->transport, &self->timeout, error);
}

/* Keeps the server's certificate. */
static int
keep_certificate(TLSSocketObject *self, const struct ssl_st *session)
{
    struct pop_error error = {0};
    enum pop_status status;
    unsigned char *der;
    size_t length;
    PyObject *bytes;

    status = pop_tls_peer_certificate(session, &der, &length, &error);
    if (errors_check(self->state, status, &error) < 0) {
        return -1;
    }
    if (der == NULL) {
        return 0;
    }
    bytes = PyBytes_FromStringAndSize((const char *)der, (Py_ssize_t)length);
    POP_FREE(der);
    if (bytes == NULL) {
        return -1;
    }
    Py_SETREF(self->certificate, bytes);
    return 0;
}

/* Keeps answers that later callers read without the lock. */
static int
keep_answers(TLSSocketObject *self)
{
    struct ssl_st *session = pop_transport_tls_session(self->transport);
    struct pop_tls_cipher cipher;

    if (pop_tls_peer_cipher(session, &cipher)) {
        Py_XSETREF(self->cipher, Py_BuildValue("ssi", cipher.name,
                                               cipher.version, cipher.bits));
    }
    Py_XSETREF(self->version,
               PyUnicode_FromString(pop_tls_peer_version(session)));
    self->verified = pop_tls_peer_is_verified(session);
    return self->cipher == NULL || self->version == NULL
               ? -1
               : keep_certificate(self, session);
}

/* Takes the socket's descriptor, so that a caller who kept the plain socket
   can't bypass TLS. */
static int
take_socket(TLSSocketObject *self)
{
    PyObject *taken = package_call("poplib_c._tls_socket", "take", "(O)",
                                   self->sock);

    if (taken == NULL) {
        return -1;
    }
    Py_SETREF(self->sock, taken);
    return 0;
}

TLSSocketObject *
tls_socket_new(struct module_state *state, PyObject *sock,
               PyObject *server_hostname, const char *host,
               struct ssl_ctx_st *config, PyObject *guard)
{
    struct pop_error error = {0};
    struct pop_transport *session;
    TLSSocketObject *self;
    enum pop_status status;

    status = pop_transport_tls_new(config, host, &session, &error);
    if (errors_check(state, status, &error) < 0) {
        return NULL;
    }
    self = allocate(state, sock, server_hostname, session, guard);
    if (self == NULL) {
        session->ops->destroy(session);
    }
    return self;
}

int
tls_socket_shake_hands(TLSSocketObject *self,
                       const struct pop_deadline *deadline,
                       enum pop_status *wanted)
{
    struct pop_error error = {0};
    enum pop_status status;
    struct handshake handshake;
    int64_t timeout;

    if (tls_socket_enter(self, &timeout) < 0) {
        return -1;
    }
    handshake.transport = self->transport;
    pop_timeout_set(&handshake.timeout, timeout);
    handshake.timeout.deadline = *deadline;
    status = lock_call_detached(shake_hands, &handshake, &error);
    tls_socket_leave(self);
    if (wanted != NULL &&
        (status == POP_WANT_READ || status == POP_WANT_WRITE)) {
        *wanted = status;
        return 1;
    }
    return errors_check(self->state, status, &error) < 0 ||
                   keep_answers(self) < 0
               ? -1
               : take_socket(self);
}

/* --- entering and leaving ----------------------------------------------- */

/* Raises ValueError after unwrap(): nothing continues in plain text. */
static int
check_wrapped(TLSSocketObject *self)
{
    if (self->unwrapped) {
        PyErr_SetString(PyExc_ValueError,
                        "TLS was ended by unwrap(); use the plain socket that "
                        "it returned");
        return -1;
    }
    return 0;
}

static int
enter(TLSSocketObject *self, int64_t *timeout)
{
    int fd;

    if (errors_check_outside((PyObject *)self, lock_is_mine(&self->lock)) <
            0 ||
        lock_acquire(&self->lock) < 0) {
        return -1;
    }
    if (check_wrapped(self) < 0 ||
        python_socket_fileno(self->state, self->sock, &fd) < 0 ||
        python_socket_timeout(self->state, self->sock, timeout) < 0) {
        tls_socket_leave(self);
        return -1;
    }
    pop_transport_tls_set(self->transport, fd);
    return 0;
}

int
tls_socket_enter(TLSSocketObject *self, int64_t *timeout)
{
    int failed;

    GUARD_BEGIN(self)
    failed = enter(self, timeout);
    GUARD_END()
    return failed;
}

static int
close_unused(TLSSocketObject *self)
{
    PyObject *result;

    if (!self->closed || self->sock_closed || self->io_refs > 0) {
        return 0;
    }
    if (lock_is_held(&self->lock)) {
        self->aborted = true;
        self->transport->ops->interrupt(self->transport);
        return 0;
    }
    self->sock_closed = true;
    result = PyObject_CallMethodNoArgs(self->sock, self->state->name.close);
    return errors_drop_result(result);
}

int
tls_socket_close_unused(TLSSocketObject *self)
{
    int failed;

    GUARD_BEGIN(self)
    failed = close_unused(self);
    GUARD_END()
    return failed;
}

static void
leave(TLSSocketObject *self)
{
    lock_release(&self->lock);
    if (self->closed && !self->sock_closed) {
        PyObject *pending = PyErr_GetRaisedException();

        if (close_unused(self) < 0) {
            errors_report((PyObject *)self, pending);
        }
        errors_raise_again(pending);
    }
}

void
tls_socket_leave(TLSSocketObject *self)
{
    GUARD_BEGIN(self)
    leave(self);
    GUARD_END()
}

int
tls_socket_is_direct(struct module_state *state, PyObject *sock)
{
    return Py_IS_TYPE(sock, state->tls_socket_type)
               ? python_socket_has_own(state, sock, state->own_tls_recv_into,
                                       state->own_tls_sendall)
               : 0;
}
