#include "core/net/transport.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/proto/mem.h"
#include "core/net/wait.h"

struct transport_fd {
    struct pop_transport base;
    int fd;
    bool blocking;
    bool replying; /* bytes have come since the last send: more may be there
                      already, so receive before waiting */
};

/* A plain system call waits, and not too long. */
static bool
blocks(const struct transport_fd *self, const struct pop_timeout *deadline)
{
    return self->blocking && deadline->timeout == POP_WAIT_FOREVER &&
           deadline->limit.at == POP_NO_DEADLINE;
}

/* What a failed system call means: POP_NEED_INPUT if it would have blocked
   and may be waited for. */
static enum pop_status
failure(const struct transport_fd *self, const struct pop_timeout *deadline,
        struct pop_error *error)
{
    error->sys = errno;
    if (error->sys == EINTR) {
        return POP_INTERRUPTED;
    }
    if (!pop_wait_is_due(error->sys)) {
        return POP_SYSTEM;
    }
    return blocks(self, deadline) ? POP_TIMEOUT : POP_NEED_INPUT;
}

static enum pop_status
transport_fd_recv(struct pop_transport *transport, char *space, size_t room,
                  size_t *received, struct pop_timeout *deadline,
                  struct pop_error *error)
{
    struct transport_fd *self = (struct transport_fd *)transport;
    bool block = blocks(self, deadline);
    bool wait = !block && !self->replying &&
                deadline->timeout != POP_WAIT_NEVER;

    *received = 0;
    for (;;) {
        enum pop_status status;
        ssize_t n;

        if (wait) {
            status = pop_wait_for(self->fd, POLLIN, deadline, error);
            if (status != POP_OK) {
                return status;
            }
        }
        n = recv(self->fd, space, room, block ? 0 : MSG_DONTWAIT);
        if (n > 0) {
            self->replying = true;
            *received = (size_t)n;
            return POP_OK;
        }
        if (n == 0) {
            return POP_EOF;
        }
        status = failure(self, deadline, error);
        if (status != POP_NEED_INPUT) {
            return status;
        }
        wait = true;
    }
}

static enum pop_status
transport_fd_send(struct pop_transport *transport, const char *bytes,
                  size_t length, size_t *sent, struct pop_timeout *deadline,
                  struct pop_error *error)
{
    struct transport_fd *self = (struct transport_fd *)transport;
    int flags = MSG_NOSIGNAL;

    *sent = 0;
    self->replying = false;
    if (!blocks(self, deadline)) {
        flags |= MSG_DONTWAIT;
    }
    for (;;) {
        enum pop_status status;
        ssize_t n = send(self->fd, bytes, length, flags);

        if (n >= 0) {
            *sent = (size_t)n;
            return POP_OK;
        }
        status = failure(self, deadline, error);
        if (status != POP_NEED_INPUT) {
            return status;
        }
        status = pop_wait_for(self->fd, POLLOUT, deadline, error);
        if (status != POP_OK) {
            return status;
        }
    }
}

static bool
transport_fd_has_begun(struct pop_transport *transport)
{
    (void)transport;
    return false;
}

static bool
transport_fd_readable(struct pop_transport *transport)
{
    struct transport_fd *self = (struct transport_fd *)transport;
    int available = 0;

    return ioctl(self->fd, FIONREAD, &available) == 0 && available > 0;
}

static enum pop_status
transport_fd_wait(struct pop_transport *transport, bool receivable,
                  bool sendable, struct pop_timeout *deadline,
                  struct pop_error *error)
{
    struct transport_fd *self = (struct transport_fd *)transport;

    return pop_wait_either(self->fd, receivable, sendable, deadline, error);
}

static void
transport_fd_interrupt(struct pop_transport *transport)
{
    struct transport_fd *self = (struct transport_fd *)transport;

    /* Fails only where nothing can be blocked any more. */
    (void)shutdown(self->fd, SHUT_RDWR);
}

static void
transport_fd_destroy(struct pop_transport *transport)
{
    POP_FREE(transport);
}

static const struct pop_transport_ops transport_fd_ops = {
    .recv = transport_fd_recv,
    .send = transport_fd_send,
    .has_begun = transport_fd_has_begun,
    .readable = transport_fd_readable,
    .wait = transport_fd_wait,
    .interrupt = transport_fd_interrupt,
    .destroy = transport_fd_destroy,
    .needs_gil = false,
};

struct pop_transport *
pop_transport_fd_new(void)
{
    struct transport_fd *self = POP_MALLOC(sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->base.ops = &transport_fd_ops;
    self->fd = -1;
    self->blocking = false;
    self->replying = false;
    return &self->base;
}

void
pop_transport_fd_set(struct pop_transport *transport, int fd, bool blocking)
{
    struct transport_fd *self = (struct transport_fd *)transport;

    self->fd = fd;
    self->blocking = blocking;
}
