#include "tls_fixture.h"

#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/tls/tls_error.h"

const int versions[2] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void
open_server_of(struct tls_fixture *self, const struct tls_setup *setup)
{
    const struct tls_identity_options any = {.names = HOST};
    const struct tls_identity *identity = setup->identity;

    if (identity == NULL) {
        identity_make(&self->identity, &any);
        identity = &self->identity;
    }
    open_server(&self->server, setup->version, identity, self->fds[1]);
}

void
open_tls(struct tls_fixture *self, const struct tls_setup *setup)
{
    const char *host = setup->host == NULL ? HOST : setup->host;
    struct ssl_ctx_st *config;

    memset(self, 0, sizeof(*self));
    self->room = sizeof(self->space);
    if (setup->connect_pair == NULL) {
        support_socketpair(self->fds);
    }
    else {
        setup->connect_pair(self->fds);
    }
    open_server_of(self, setup);
    assert_int_equal(
        pop_tls_config_new(&setup->options, &config, &self->error), POP_OK);
    assert_int_equal(
        pop_transport_tls_new(config, host, &self->transport, &self->error),
        POP_OK);
    pop_tls_config_free(config);
    pop_transport_tls_set(self->transport, self->fds[0]);
    pop_timeout_set(&self->deadline, POP_WAIT_NEVER);
}

void
close_tls(struct tls_fixture *self)
{
    self->transport->ops->destroy(self->transport);
    close_server(&self->server);
    identity_free(&self->identity);
    support_close_pair(self->fds);
}

enum pop_status
shake_hands(struct tls_fixture *self)
{
    int turns;

    for (turns = 0; turns < 20; turns++) {
        enum pop_status status = tls_handshake(self);

        (void)server_step(&self->server);
        if (status != POP_WANT_READ) {
            return status;
        }
    }
    return POP_WANT_READ;
}

void
connect_tls(struct tls_fixture *self, const struct tls_setup *setup)
{
    open_tls(self, setup);
    assert_int_equal(shake_hands(self), POP_OK);
    assert_true(SSL_is_init_finished(self->server.ssl));
}

void
connect_version(struct tls_fixture *self, int version)
{
    const struct tls_setup setup = {.version = version};

    connect_tls(self, &setup);
}

/* --- operations --------------------------------------------------------- */

/* So that what is not set is not taken for what was set. */
static struct pop_error *
spoil(struct tls_fixture *self)
{
    memset(&self->error, 'Z', sizeof(self->error));
    self->done = 99;
    return &self->error;
}

enum pop_status
tls_handshake(struct tls_fixture *self)
{
    return pop_transport_tls_handshake(self->transport, &self->deadline,
                                       spoil(self));
}

enum pop_status
tls_receive(struct tls_fixture *self)
{
    struct pop_error *error = spoil(self);

    return self->transport->ops->recv(self->transport, self->space, self->room,
                                      &self->done, &self->deadline, error);
}

enum pop_status
tls_send(struct tls_fixture *self, const char *bytes, size_t length)
{
    struct pop_error *error = spoil(self);

    return self->transport->ops->send(self->transport, bytes, length,
                                      &self->done, &self->deadline, error);
}

enum pop_status
tls_shutdown(struct tls_fixture *self)
{
    return pop_transport_tls_shutdown(self->transport, &self->deadline,
                                      spoil(self));
}

bool
tls_is_readable(const struct tls_fixture *self)
{
    return self->transport->ops->readable(self->transport);
}

bool
tls_has_begun(const struct tls_fixture *self)
{
    return self->transport->ops->has_begun(self->transport);
}

size_t
tls_pending(const struct tls_fixture *self)
{
    return pop_transport_tls_pending(self->transport);
}

void
assert_receives(struct tls_fixture *self, const char *text)
{
    assert_int_equal(tls_receive(self), POP_OK);
    assert_int_equal(self->done, strlen(text));
    assert_memory_equal(self->space, text, strlen(text));
}

/* Since OpenSSL 3.2, it stands for whatever is wrong with a record. */
static bool
is_any_record_failure(unsigned long code)
{
#ifdef SSL_R_RECORD_LAYER_FAILURE
    return ERR_GET_REASON(code) == SSL_R_RECORD_LAYER_FAILURE;
#else
    (void)code;
    return false;
#endif
}

void
assert_reason(const struct tls_fixture *self, const char *name)
{
    char found[64];

    pop_tls_error_name(self->error.tls, found, sizeof(found));
    if (!is_any_record_failure(self->error.tls)) {
        assert_string_equal(found, name);
    }
    assert_string_equal(pop_tls_error_library(self->error.tls), "SSL");
    assert_int_equal(self->error.verify, 0);
    assert_string_equal(self->error.text, "");
}

/* --- below TLS ---------------------------------------------------------- */

void
peer_sends_raw(const struct tls_fixture *self, const char *bytes,
               size_t length)
{
    assert_int_equal(send(self->fds[1], bytes, length, 0), length);
}

void
reset_connection(struct tls_fixture *self)
{
    struct linger at_once = {1, 0};

    assert_int_equal(setsockopt(self->fds[1], SOL_SOCKET, SO_LINGER, &at_once,
                                sizeof(at_once)),
                     0);
    assert_int_equal(close(self->fds[1]), 0);
    self->fds[1] = dup(self->fds[0]);
}
