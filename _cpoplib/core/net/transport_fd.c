/* The transport on a connected socket: recv() and send(), and poll() if there
   is a timeout.  Calls socket.h, wait.h and mem.h. */

#include "core/net/transport.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/proto/mem.h"
#include "core/net/socket.h"
#include "core/net/wait.h"

struct transport_fd {
    struct pop_transport base;
    int fd;
    bool blocking;
    bool flowing; /* see socket.h; if so, more may be there: receive before
                     waiting */
};

/* Returns true if a plain system call may wait: it can't wait for too long. */
static bool
blocks(const struct transport_fd *self, const struct pop_timeout *timeout)
{
    return self->blocking && timeout->duration == POP_WAIT_FOREVER &&
           timeout->deadline.at == POP_NO_DEADLINE;
}

/* Classifies a failed system call by errno.  Returns POP_NEED_INPUT if it
   would have blocked and the caller waits. */
static enum pop_status
failure(const struct transport_fd *self, const struct pop_timeout *timeout,
        struct pop_error *error)
{
    error->sys = errno;
    if (error->sys == EINTR) {
        return POP_INTERRUPTED;
    }
    if (!pop_wait_is_due(error->sys)) {
        return POP_SYSTEM;
    }
    return blocks(self, timeout) ? POP_TIMEOUT : POP_NEED_INPUT;
}

static enum pop_status
transport_fd_recv(struct pop_transport *transport, char *space, size_t room,
                  size_t *received, struct pop_timeout *timeout,
                  struct pop_error *error)
{
    struct transport_fd *self = (struct transport_fd *)transport;
    bool block = blocks(self, timeout);
    bool wait = !block && !self->flowing &&
                timeout->duration != POP_WAIT_NEVER;

    *received = 0;
    for (;;) {
        enum pop_status status;
        ssize_t n;

        if (wait) {
            status = pop_wait_for(self->fd, POLLIN, timeout, error);
            if (status != POP_OK) {
                return status;
            }
        }
        n = pop_socket_recv(self->fd, &self->flowing, space, room, block);
        if (n > 0) {
            *received = (size_t)n;
            return POP_OK;
        }
        if (n == 0) {
            return POP_EOF;
        }
        status = failure(self, timeout, error);
        if (status != POP_NEED_INPUT) {
            return status;
        }
        wait = true;
    }
}

static enum pop_status
transport_fd_send(struct pop_transport *transport, const char *bytes,
                  size_t length, size_t *sent, struct pop_timeout *timeout,
                  struct pop_error *error)
{
    struct transport_fd *self = (struct transport_fd *)transport;
    bool block = blocks(self, timeout);

    *sent = 0;
    for (;;) {
        enum pop_status status;
        ssize_t n = pop_socket_send(self->fd, &self->flowing, bytes, length,
                                    block);

        if (n >= 0) {
            *sent = (size_t)n;
            return POP_OK;
        }
        status = failure(self, timeout, error);
        if (status != POP_NEED_INPUT) {
            return status;
        }
        status = pop_wait_for(self->fd, POLLOUT, timeout, error);
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
                  bool sendable, struct pop_timeout *timeout,
                  struct pop_error *error)
{
    struct transport_fd *self = (struct transport_fd *)transport;

    return pop_wait_either(self->fd, receivable, sendable, timeout, error);
}

static enum pop_status
transport_fd_hurry(struct pop_transport *transport)
{
    pop_socket_hurry(((struct transport_fd *)transport)->fd);
    return POP_OK;
}

static void
transport_fd_interrupt(struct pop_transport *transport)
{
    struct transport_fd *self = (struct transport_fd *)transport;

    /* Fails only if no call can block any more. */
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
    .hurry = transport_fd_hurry,
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
    self->flowing = false;
    return &self->base;
}

void
pop_transport_fd_set(struct pop_transport *transport, int fd, bool blocking)
{
    struct transport_fd *self = (struct transport_fd *)transport;

    self->fd = fd;
    self->blocking = blocking;
}
