#include "channel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

int64_t
channel_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

/* The milliseconds to sleep: rounded down if they are to be spun out. */
static int
sleep_ms(const struct channel *channel, int64_t left)
{
    if (left <= channel->spin) {
        return 0;
    }
    left = (left - channel->spin) / NS_PER_MS + (channel->spin == 0);
    return left > INT_MAX ? INT_MAX : (int)left;
}

enum channel_result
channel_wait(const struct channel *channel, short events, int64_t at)
{
    struct pollfd descriptor = {.fd = channel->fd, .events = events};
    int64_t awake_until = channel->spin > 0 ? channel_now() + channel->spin
                                            : 0;

    for (;;) {
        int64_t now = channel_now();
        int timeout = -1;
        int ready;

        if (at != CHANNEL_FOREVER) {
            timeout = sleep_ms(channel, at - now);
        }
        if (now < awake_until) {
            timeout = 0;
        }
        ready = poll(&descriptor, 1, timeout);
        if (ready > 0) {
            return CHANNEL_OK;
        }
        if (ready < 0 && errno != EINTR) {
            return CHANNEL_CLOSED;
        }
        if (at != CHANNEL_FOREVER && channel_now() >= at) {
            return CHANNEL_TIMEOUT;
        }
    }
}

/* CHANNEL_OK if the TLS operation that returned `result` can be repeated. */
static enum channel_result
wait_for_tls(const struct channel *channel, int result, int64_t at)
{
    switch (SSL_get_error(channel->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return channel_wait(channel, POLLIN, at);
    case SSL_ERROR_WANT_WRITE:
        return channel_wait(channel, POLLOUT, at);
    default:
        return CHANNEL_CLOSED;
    }
}

static enum channel_result
tls_recv(const struct channel *channel, char *space, size_t room,
         size_t *received, int64_t at)
{
    for (;;) {
        enum channel_result result;
        int done = SSL_read_ex(channel->ssl, space, room, received);

        if (done > 0) {
            return CHANNEL_OK;
        }
        result = wait_for_tls(channel, done, at);
        if (result != CHANNEL_OK) {
            return result;
        }
    }
}

enum channel_result
channel_recv(const struct channel *channel, char *space, size_t room,
             size_t *received, int64_t at)
{
    if (channel->ssl != NULL) {
        return tls_recv(channel, space, room, received, at);
    }
    for (;;) {
        enum channel_result result;
        ssize_t n = recv(channel->fd, space, room, MSG_DONTWAIT);

        if (n > 0) {
            *received = (size_t)n;
            return CHANNEL_OK;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            return CHANNEL_CLOSED;
        }
        result = channel_wait(channel, POLLIN, at);
        if (result != CHANNEL_OK) {
            return result;
        }
    }
}

static enum channel_result
tls_send(const struct channel *channel, const char *bytes, size_t length)
{
    while (length > 0) {
        enum channel_result result;
        size_t sent;
        int done = SSL_write_ex(channel->ssl, bytes, length, &sent);

        if (done > 0) {
            bytes += sent;
            length -= sent;
            continue;
        }
        result = wait_for_tls(channel, done, CHANNEL_FOREVER);
        if (result != CHANNEL_OK) {
            return result;
        }
    }
    return CHANNEL_OK;
}

enum channel_result
channel_send(const struct channel *channel, const char *bytes, size_t length)
{
    if (channel->ssl != NULL) {
        return tls_send(channel, bytes, length);
    }
    while (length > 0) {
        enum channel_result result;
        ssize_t n = send(channel->fd, bytes, length,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0) {
            bytes += n;
            length -= (size_t)n;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return CHANNEL_CLOSED;
        }
        result = channel_wait(channel, POLLOUT, CHANNEL_FOREVER);
        if (result != CHANNEL_OK) {
            return result;
        }
    }
    return CHANNEL_OK;
}

enum channel_result
channel_handshake(const struct channel *channel)
{
    for (;;) {
        enum channel_result result;
        int done = SSL_do_handshake(channel->ssl);

        if (done > 0) {
            return CHANNEL_OK;
        }
        result = wait_for_tls(channel, done, CHANNEL_FOREVER);
        if (result != CHANNEL_OK) {
            return result;
        }
    }
}
