#include "core/net/wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

enum pop_status
pop_wait_for(int fd, short events, struct pop_timeout *deadline,
             struct pop_error *error)
{
    struct pollfd descriptor = {.fd = fd, .events = events};
    int milliseconds;
    int ready;

    /* poll() would wait for a negative descriptor. */
    if (fd < 0) {
        error->sys = EBADF;
        return POP_SYSTEM;
    }
    if (pop_deadline_has_passed(&deadline->limit)) {
        return pop_deadline_end(&deadline->limit, error);
    }
    do {
        milliseconds = pop_timeout_poll_ms(deadline);
        ready = poll(&descriptor, 1, milliseconds);
        /* It can be told no more than INT_MAX, which is 24 days. */
    } while (ready == 0 && milliseconds == INT_MAX);
    if (ready > 0) {
        return POP_OK;
    }
    if (ready == 0) {
        return pop_deadline_has_passed(&deadline->limit)
                   ? pop_deadline_end(&deadline->limit, error)
                   : POP_TIMEOUT;
    }
    error->sys = errno;
    return error->sys == EINTR ? POP_INTERRUPTED : POP_SYSTEM;
}

enum pop_status
pop_wait_either(int fd, bool readable, bool writable,
                struct pop_timeout *deadline, struct pop_error *error)
{
    short events = 0;

    if (readable) {
        events |= POLLIN;
    }
    if (writable) {
        events |= POLLOUT;
    }
    return pop_wait_for(fd, events, deadline, error);
}

bool
pop_wait_is_due(int number)
{
#if EAGAIN != EWOULDBLOCK
    if (number == EWOULDBLOCK) {
        return true;
    }
#endif
    return number == EAGAIN;
}
