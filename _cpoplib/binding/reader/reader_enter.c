/* How a Reader is entered for I/O, by which transport, and what a failure
   means for the stream. */

#include "binding/reader/reader.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "binding/base/errors.h"
#include "binding/socket/python_socket.h"
#include "binding/socket/tls_socket.h"
#include "binding/socket/python_transport.h"
#include "core/net/wait.h"

#define SHOWN_OCTETS ((size_t)200)

/* --- which transport ---------------------------------------------------- */

static int
use_direct(ReaderObject *self)
{
    int fd;

    if (python_socket_fileno(self->state, self->sock, &fd) < 0 ||
        python_socket_timeout(self->state, self->sock, &self->link.timeout) <
            0) {
        return -1;
    }
    pop_transport_fd_set(self->direct, fd,
                         self->link.timeout == POP_WAIT_FOREVER);
    self->link.transport = self->direct;
    return 0;
}

static int
use_methods(ReaderObject *self)
{
    if (self->python_transport == NULL) {
        self->python_transport = python_transport_new(self->state, self->sock);
    }
    if (self->python_transport == NULL) {
        return -1;
    }
    self->link.timeout = POP_WAIT_FOREVER;
    self->link.transport = self->python_transport;
    return 0;
}

static int
use_tls(ReaderObject *self)
{
    TLSSocketObject *sock = TLSSOCKET(self->sock);

    if (tls_socket_enter(sock, &self->link.timeout) < 0) {
        return -1;
    }
    self->in_tls = true;
    self->link.transport = sock->transport;
    return 0;
}

static int
choose_transport(ReaderObject *self)
{
    int direct = python_socket_is_direct(self->state, self->sock);
    int tls = direct == 0 ? tls_socket_is_direct(self->state, self->sock) : 0;

    if (direct < 0 || tls < 0) {
        return -1;
    }
    if (direct) {
        return use_direct(self);
    }
    return tls ? use_tls(self) : use_methods(self);
}

/* --- entering and leaving ----------------------------------------------- */

int
reader_check_open(ReaderObject *self)
{
    if (progress_is_closed(&self->progress)) {
        errors_raise_closed_meanwhile();
        return -1;
    }
    return 0;
}

int
reader_check_usable(ReaderObject *self)
{
    if (progress_is_closed(&self->progress)) {
        PyErr_SetString(PyExc_ValueError, "I/O operation on closed file.");
        return -1;
    }
    return 0;
}

static int
check_outside(ReaderObject *self)
{
    return errors_check_outside((PyObject *)self, lock_is_mine(&self->lock)) <
                   0
               ? -1
               : reader_check_usable(self);
}

/* Asks the socket for its descriptor and timeout.  That may run Python code.
 */
static int
prepare(ReaderObject *self)
{
    if (choose_transport(self) < 0 || reader_check_open(self) < 0) {
        return -1;
    }
    Py_BEGIN_CRITICAL_SECTION(self->module);
    pop_link_borrow(&self->link, &self->state->spare);
    Py_END_CRITICAL_SECTION();
    self->half_duplex = pop_link_is_half_duplex(&self->link);
    self->link.deadline = *self->deadline;
    return 0;
}

static int
check_nothing_ahead(const ReaderObject *self)
{
    /* After the end of the stream no reply is pending. */
    if (self->progress.ahead.count == 0 ||
        progress_has_ended(&self->progress)) {
        return 0;
    }
    PyErr_Format(PyExc_RuntimeError,
                 "%zu replies to commands that were sent ahead are to be read "
                 "first",
                 self->progress.ahead.count);
    return -1;
}

/* Returns the first unread line, cut to a length fit for an exception. */
static PyObject *
unread_line(const struct pop_link *link)
{
    const char *bytes = pop_buffer_bytes(&link->in);
    size_t length = pop_buffer_length(&link->in);
    const char *lf = memchr(bytes, '\n', length);
    struct pop_span span = {0, length};

    if (lf != NULL) {
        span = pop_scan_strip(bytes, 0, (size_t)(lf - bytes) + 1);
    }
    if (span.length > SHOWN_OCTETS) {
        span.length = SHOWN_OCTETS;
    }
    return reader_bytes(link, span);
}

static void
raise_unread(ReaderObject *self)
{
    static const char why[] = "the server sent a reply that nobody asked for";
    static const char flood[] = "the server sent more than it may while "
                                "nobody asked for anything";
    PyObject *line;

    if (self->link.flooded) {
        errors_raise_out_of_step(self->state, flood, NULL);
        progress_mixed_up(&self->lock, &self->progress, flood);
        return;
    }
    if (!pop_link_had_unread(&self->link, self->link.received)) {
        /* The unread bytes may be a TLS record, not a reply. */
        PyErr_NoMemory();
        return;
    }
    progress_mixed_up(&self->lock, &self->progress, why);
    line = unread_line(&self->link);
    if (line != NULL) {
        errors_raise_out_of_step(self->state, why, line);
        Py_DECREF(line);
    }
}

static int
check_answered(ReaderObject *self, bool receives)
{
    const char *why = NULL;

    if (self->progress.unanswered > 0) {
        why = "the reply to an earlier command was not read";
    }
    else if (self->progress.ahead.count > 0) {
        /* A signal handler sent a command during the wait for the lock. */
        why = "the reply to an earlier command is still to come";
    }
    if (why != NULL) {
        errors_raise_out_of_step(self->state, why, NULL);
        return -1;
    }
    self->link.flooded = false;
    if (receives ? pop_link_has_unread(&self->link)
                 : pop_link_had_unread(&self->link, self->link.received)) {
        raise_unread(self);
        return -1;
    }
    return 0;
}

static int
check(ReaderObject *self, enum reader_need need)
{
    if (need == READER_OPEN) {
        return 0;
    }
    if (need == READER_TO_SEND) {
        return progress_check_send(self->state, &self->progress);
    }
    if (progress_check(self->state, &self->progress) < 0) {
        return -1;
    }
    if (need == READER_BY_HAND) {
        return check_nothing_ahead(self);
    }
    return need < READER_ANSWERED
               ? 0
               : check_answered(self, need == READER_AT_REST);
}

static int
enter(ReaderObject *self, enum reader_need need)
{
    if (check_outside(self) < 0 || lock_acquire(&self->lock) < 0) {
        return -1;
    }
    if (reader_check_open(self) < 0 ||
        (need != READER_STILL && prepare(self) < 0) || check(self, need) < 0) {
        reader_leave(self);
        return -1;
    }
    return 0;
}

int
reader_enter(ReaderObject *self, enum reader_need need)
{
    int failed;

    GUARD_BEGIN(self)
    failed = enter(self, need);
    GUARD_END()
    return failed;
}

int
reader_require(ReaderObject *self, enum reader_need need)
{
    if (reader_enter(self, need) < 0) {
        return -1;
    }
    reader_leave(self);
    return 0;
}

static int
close_file(ReaderObject *self)
{
    progress_file_closed(&self->progress);
    return errors_drop_result(
        PyObject_CallMethodNoArgs(self->file, self->state->name.close));
}

static void
leave(ReaderObject *self)
{
    Py_BEGIN_CRITICAL_SECTION(self->module);
    pop_link_return(&self->link, &self->state->spare);
    Py_END_CRITICAL_SECTION();
    self->link.transport = NULL;
    if (self->in_tls) {
        self->in_tls = false;
        tls_socket_leave(TLSSOCKET(self->sock));
    }
    lock_release(&self->lock);
    /* Not before: as long as the lock is held, close() leaves the file to this
       thread. */
    if (self->progress.life == STREAM_CLOSED) {
        PyObject *pending = PyErr_GetRaisedException();

        if (close_file(self) < 0) {
            errors_report((PyObject *)self, pending);
        }
        errors_raise_again(pending);
    }
}

void
reader_leave(ReaderObject *self)
{
    GUARD_BEGIN(self)
    leave(self);
    GUARD_END()
}

static int
close_reader(ReaderObject *self)
{
    if (progress_is_closed(&self->progress)) {
        return 0;
    }
    progress_closed(&self->progress);
    if (lock_is_held(&self->lock)) {
        if (self->link.transport != NULL) {
            pop_link_interrupt(&self->link);
        }
        /* By a method of the socket's, of what should not be lost. */
        return PyErr_Occurred() ? -1 : 0;
    }
    return close_file(self);
}

int
reader_close(ReaderObject *self)
{
    int failed;

    GUARD_BEGIN(self)
    failed = close_reader(self);
    GUARD_END()
    return failed;
}

void
reader_retire(ReaderObject *self)
{
    assert(lock_is_mine(&self->lock));
    progress_closed(&self->progress);
}

/* --- failures ----------------------------------------------------------- */

void
reader_end(ReaderObject *self)
{
    assert(lock_is_mine(&self->lock));
    pop_buffer_consume(&self->link.in, pop_buffer_length(&self->link.in));
    progress_ended(&self->lock, &self->progress);
}

static bool
is_dead(int error)
{
    switch (error) {
    case EBADF:
    case ECONNABORTED:
    case ECONNRESET:
    case ENOTCONN:
    case ENOTSOCK:
    case EPIPE:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* Whether the failure says that the connection broke.  Some sockets raise that
   (POP_HOST) after close(): ssl.SSLSocket with OpenSSL 3.6 does. */
static bool
is_broken(enum pop_status status)
{
    switch (status) {
    case POP_EOF:
    case POP_SYSTEM:
    case POP_TLS:
    case POP_TLS_EOF:
        return true;
    case POP_HOST:
        return errors_pending_errno(PyExc_ConnectionError) != 0;
    default:
        return false;
    }
}

/* Whether the failure is what close() in another thread looks like here; it is
   raised then, with the exception of the socket as its context.  A timeout of
   a socket that never waits becomes EAGAIN. */
static bool
was_closed(ReaderObject *self, enum pop_status *status,
           struct pop_error *error)
{
    assert(lock_is_mine(&self->lock));
    if (progress_is_closed(&self->progress) && is_broken(*status)) {
        PyObject *broken = PyErr_GetRaisedException();

        reader_end(self);
        errors_raise_closed_meanwhile();
        if (broken != NULL) {
            errors_chain(broken);
        }
        return true;
    }
    if (*status == POP_TIMEOUT && self->link.timeout == POP_WAIT_NEVER) {
        error->sys = EAGAIN;
        *status = POP_SYSTEM;
    }
    return false;
}

void
reader_fail(ReaderObject *self, enum pop_status status,
            struct pop_error *error)
{
    if (was_closed(self, &status, error)) {
        return;
    }
    switch (status) {
    case POP_UNASKED:
        pop_link_take(&self->link);
        raise_unread(self);
        return;
    case POP_EOF:
    case POP_TLS:
    case POP_TLS_EOF:
        reader_end(self);
        break;
    case POP_TIMEOUT:
    case POP_DEADLINE:
        progress_timed_out(&self->lock, &self->progress);
        break;
    case POP_TOO_LONG:
        progress_left(&self->lock, &self->progress, "a line was too long");
        break;
    case POP_TOO_MUCH:
        progress_left(&self->lock, &self->progress, "a reply was too long");
        break;
    case POP_HOST:
        progress_read_raised(&self->lock, self->state, &self->progress);
        if (progress_has_ended(&self->progress)) {
            reader_end(self);
        }
        break;
    default:
        if (status == POP_SYSTEM && is_dead(error->sys)) {
            reader_end(self);
        }
        progress_left(&self->lock, &self->progress, "a read failed");
        break;
    }
    errors_raise(self->state, status, error);
}

void
reader_fail_write(ReaderObject *self, enum pop_status status,
                  struct pop_error *error, bool untouched)
{
    if (was_closed(self, &status, error)) {
        return;
    }
    if (untouched && status == POP_DEADLINE) {
        status = pop_deadline_refuse(&self->link.deadline, error);
    }
    else if (!untouched && status == POP_HOST) {
        progress_send_raised(&self->lock, &self->progress);
    }
    else if (!untouched) {
        progress_left(&self->lock, &self->progress,
                      "a command was sent in part");
    }
    errors_raise(self->state, status, error);
}

/* Whether a receive could only have waited, which the socket forbids. */
static bool
would_block(const ReaderObject *self, enum pop_status status,
            const struct pop_error *error)
{
    switch (status) {
    case POP_SYSTEM:
        return pop_wait_is_due(error->sys);
    case POP_WANT_READ:
        return true;
    case POP_HOST:
        return errors_is_would_block(self->state);
    default:
        return false;
    }
}

int
reader_fill(ReaderObject *self)
{
    struct pop_error error = {0};
    enum pop_status status;

    assert(lock_is_mine(&self->lock));
    if (reader_check_open(self) < 0) {
        return -1;
    }
    status = lock_run_detached(&self->link, pop_link_fill, &error);
    if (status == POP_OK) {
        /* A peer that never pauses must not lock out Ctrl-C. */
        return PyErr_CheckSignals() < 0 ? -1 : 1;
    }
    if (status == POP_EOF && !progress_is_closed(&self->progress)) {
        if (pop_buffer_length(&self->link.in) == 0) {
            reader_end(self);
        }
        return 0;
    }
    if (was_closed(self, &status, &error)) {
        return -1;
    }
    if (!progress_is_closed(&self->progress) &&
        would_block(self, status, &error)) {
        /* What was received before is still unread. */
        errors_raise(self->state, status, &error);
    }
    else {
        reader_fail(self, status, &error);
    }
    return -1;
}
