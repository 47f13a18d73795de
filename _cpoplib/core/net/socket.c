/* recv() and send(), TCP_QUICKACK and TCP_NODELAY. */

#include "core/net/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/net/wait.h"

/* Fails for a descriptor that is no TCP socket. */
static bool
turn_on(int fd, int option)
{
    const int on = 1;

    return setsockopt(fd, IPPROTO_TCP, option, &on, sizeof(on)) == 0;
}

bool
pop_socket_acknowledge(int fd)
{
#ifdef TCP_QUICKACK
    int number = errno;
    bool is_done = turn_on(fd, TCP_QUICKACK);

    errno = number;
    return is_done;
#else
    (void)fd;
    return false;
#endif
}

void
pop_socket_hurry(int fd)
{
    (void)turn_on(fd, TCP_NODELAY);
}

ssize_t
pop_socket_recv(int fd, bool *flowing, char *space, size_t room, bool blocking)
{
    ssize_t n = recv(fd, space, room,
                     blocking && !*flowing ? 0 : MSG_DONTWAIT);

    if (n < 0 && *flowing && pop_wait_is_due(errno)) {
        *flowing = false;
        (void)pop_socket_acknowledge(fd);
        if (blocking) {
            n = recv(fd, space, room, 0);
        }
    }
    if (n > 0) {
        *flowing = true;
    }
    return n;
}

ssize_t
pop_socket_send(int fd, bool *flowing, const char *bytes, size_t length,
                bool blocking)
{
    ssize_t n = send(fd, bytes, length,
                     MSG_NOSIGNAL | (blocking ? 0 : MSG_DONTWAIT));

    if (n > 0) {
        *flowing = false;
    }
    return n;
}
