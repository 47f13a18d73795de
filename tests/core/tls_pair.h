/* A TLS transport on one of two connected sockets, and OpenSSL as the server
   on the other.  Neither waits; they take turns in one thread. */

#ifndef POP_TEST_TLS_PAIR_H
#define POP_TEST_TLS_PAIR_H

#include <openssl/ssl.h>

#include "core/tls/tls_config.h"
#include "support.h"

#define HOST "pop.example.org"

/* What does not matter to a test is 0. */
struct tls_setup {
    int version;          /* of TLS; 0: the best */
    bool verify;          /* the client trusts the server's certificate */
    bool is_nameless;     /* it has no name but its subject's */
    const char *address;  /* one more name of it; NULL: none */
    const char *odd_name; /* one more name of it, which may hold anything */
    size_t odd_length;
    const char *digest; /* of its signature; NULL: "SHA256" */
    bool is_ed25519;    /* its key, instead of EC P-256 */
};

struct tls_pair {
    int fds[2];
    SSL_CTX *config;
    SSL *server;
    struct pop_transport *transport;
    struct pop_timeout timeout; /* of the next operation */
    struct pop_error error;
    char space[65536];
    size_t room; /* for the next recv; at first all of it */
    size_t done; /* by the last recv or send */
};

void open_tls(struct tls_pair *self, const struct tls_setup *setup);
void close_tls(struct tls_pair *self);

/* The client's result of the handshake. */
enum pop_status shake_hands(struct tls_pair *self);

/* open_tls(), and a handshake that must succeed. */
void connect_tls(struct tls_pair *self, int version);

enum pop_status tls_receive(struct tls_pair *self);
enum pop_status tls_send(struct tls_pair *self, const char *text);
void assert_receives(struct tls_pair *self, const char *text);

void server_says(struct tls_pair *self, const char *text);
void server_says_raw(struct tls_pair *self, const char *bytes, size_t length);

SSL *session_of(const struct tls_pair *self);
X509 *certificate_of(const struct tls_pair *self);

/* TLS 1.2 and TLS 1.3. */
extern const int versions[2];

#endif
