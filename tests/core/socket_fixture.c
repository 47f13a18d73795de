#include "socket_fixture.h"

#include <string.h>
#include <sys/socket.h>

#include "support.h"

const struct mode modes[3] = {
    {false, 10000 * NS_PER_MS},
    {false, POP_WAIT_FOREVER},
    {true, POP_WAIT_FOREVER},
};

void
open_on(struct fixture *self, void (*connect_pair)(int fds[2]), bool blocking,
        int64_t timeout)
{
    memset(self, 0, sizeof(*self));
    connect_pair(self->fds);
    self->transport = pop_transport_fd_new();
    assert_non_null(self->transport);
    pop_transport_fd_set(self->transport, self->fds[0], blocking);
    pop_timeout_set(&self->deadline, timeout);
}

void
open_fixture(struct fixture *self, bool blocking, int64_t timeout)
{
    open_on(self, support_socketpair, blocking, timeout);
}

void
close_fixture(struct fixture *self)
{
    self->transport->ops->destroy(self->transport);
    support_close_pair(self->fds);
}

enum pop_status
receive(struct fixture *self)
{
    self->done = 99;
    return self->transport->ops->recv(self->transport, self->space,
                                      sizeof(self->space), &self->done,
                                      &self->deadline, &self->error);
}

enum pop_status
send_bytes(struct fixture *self, const char *bytes, size_t length)
{
    self->done = 99;
    return self->transport->ops->send(self->transport, bytes, length,
                                      &self->done, &self->deadline,
                                      &self->error);
}

void
peer_sends(const struct fixture *self, const char *text)
{
    assert_int_equal(send(self->fds[1], text, strlen(text), 0), strlen(text));
}

void
assert_received(const struct fixture *self, const char *text)
{
    assert_int_equal(self->done, strlen(text));
    assert_memory_equal(self->space, text, strlen(text));
}

void
open_link(int fds[2], struct pop_link *link, bool blocking, int64_t timeout)
{
    support_socketpair(fds);
    pop_link_init(link);
    link->transport = pop_transport_fd_new();
    assert_non_null(link->transport);
    link->timeout = timeout;
    pop_transport_fd_set(link->transport, fds[0], blocking);
}

void
close_link(int fds[2], struct pop_link *link)
{
    link->transport->ops->destroy(link->transport);
    pop_link_release(link);
    support_close_pair(fds);
}
