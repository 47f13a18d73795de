/* A TLS transport on one of two connected sockets, and a server at the other.
   Where it is not said that anything waits, the client never waits, and both
   take turns in one thread. */

#ifndef POP_TEST_TLS_FIXTURE_H
#define POP_TEST_TLS_FIXTURE_H

#include "core/tls/tls_config.h"
#include "core/net/transport.h"
#include "tls_server.h"

#define HOST "pop.example.org"

/* What does not matter to a test is 0. */
struct tls_setup {
    void (*connect_pair)(int fds[2]);    /* NULL: support_socketpair() */
    int version;                         /* of TLS; 0: the best */
    const struct tls_identity *identity; /* the server's; NULL: any */
    const char *host;                    /* the client's; NULL: HOST */
    struct pop_tls_options options;      /* the client's */
};

struct tls_fixture {
    int fds[2];
    struct tls_identity identity; /* the server's, if it is any */
    struct tls_server server;
    struct pop_transport *transport;
    struct pop_timeout deadline; /* of the next operation */
    struct pop_error error;
    char space[65536];
    size_t room; /* for the next recv; at first all of it */
    size_t done; /* what recv or send said */
};

void open_tls(struct tls_fixture *self, const struct tls_setup *setup);
void close_tls(struct tls_fixture *self);

/* The handshake; then nothing of it is on its way any more. */
enum pop_status shake_hands(struct tls_fixture *self);

/* Both, and it has to succeed. */
void connect_tls(struct tls_fixture *self, const struct tls_setup *setup);
void connect_version(struct tls_fixture *self, int version);

/* One operation of the client, within self->deadline. */
enum pop_status tls_handshake(struct tls_fixture *self);
enum pop_status tls_receive(struct tls_fixture *self);
enum pop_status tls_send(struct tls_fixture *self, const char *bytes,
                         size_t length);
enum pop_status tls_shutdown(struct tls_fixture *self);

bool tls_is_readable(const struct tls_fixture *self);
bool tls_has_begun(const struct tls_fixture *self);
size_t tls_pending(const struct tls_fixture *self);

/* The next recv gives this text. */
void assert_receives(struct tls_fixture *self, const char *text);

/* What the last operation told: POP_TLS, the reason's name, and no text. */
void assert_reason(const struct tls_fixture *self, const char *name);

/* The bytes are what the peer of a plain socket sends. */
void peer_sends_raw(const struct tls_fixture *self, const char *bytes,
                    size_t length);

/* Closes the server's socket with a reset. */
void reset_connection(struct tls_fixture *self);

/* TLS 1.2 and TLS 1.3. */
extern const int versions[2];

#endif
