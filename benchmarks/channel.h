/* A connected socket that never blocks, in plain text or with TLS on it. */

#ifndef BENCH_CHANNEL_H
#define BENCH_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#define CHANNEL_FOREVER INT64_C(-1)

struct channel {
    int fd;
    SSL *ssl;     /* or NULL */
    int64_t spin; /* nanoseconds of polling without sleeping, before a wait */
};

enum channel_result {
    CHANNEL_OK,
    CHANNEL_TIMEOUT,
    CHANNEL_CLOSED /* by the peer, or by an error */
};

int64_t channel_now(void);

/* Waits until `at`, in nanoseconds of channel_now(), or CHANNEL_FOREVER. */
enum channel_result channel_wait(const struct channel *channel, short events,
                                 int64_t at);

/* Receives at least one byte, unless `at` comes before. */
enum channel_result channel_recv(const struct channel *channel, char *space,
                                 size_t room, size_t *received, int64_t at);

/* Sends all. */
enum channel_result channel_send(const struct channel *channel,
                                 const char *bytes, size_t length);

/* The TLS handshake, as server or client as the session was made for. */
enum channel_result channel_handshake(const struct channel *channel);

#endif
