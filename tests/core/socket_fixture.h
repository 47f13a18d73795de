/* A transport, or a link, on one of two connected sockets. */

#ifndef POP_TEST_SOCKET_FIXTURE_H
#define POP_TEST_SOCKET_FIXTURE_H

#include "core/net/link.h"

struct fixture {
    int fds[2];
    struct pop_transport *transport;
    struct pop_timeout timeout; /* of the next recv or send */
    struct pop_error error;
    char space[64];
    size_t done; /* what recv or send said */
};

/* connect_pair is one of support.h's. */
void open_on(struct fixture *self, void (*connect_pair)(int fds[2]),
             bool blocking, int64_t duration);
/* open_on() with support_socketpair(). */
void open_fixture(struct fixture *self, bool blocking, int64_t duration);
void close_fixture(struct fixture *self);
/* Calls recv and send of the transport. */
enum pop_status receive(struct fixture *self);
enum pop_status send_bytes(struct fixture *self, const char *bytes,
                           size_t length);
void peer_sends(const struct fixture *self, const char *text);
void assert_received(const struct fixture *self, const char *text);

/* Every way to wait: until a time, for ever in poll(), for ever in the system
   call. */
struct mode {
    bool blocking;
    int64_t timeout;
};

extern const struct mode modes[3];

/* A link on one of two connected sockets. */
void open_link(int fds[2], struct pop_link *link, bool blocking,
               int64_t duration);
void close_link(int fds[2], struct pop_link *link);

#endif
