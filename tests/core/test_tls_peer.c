#include "core/tls/tls_peer.h"

#include "core/proto/mem.h"
#include "tls_pair.h"

static void
assert_binding(const struct tls_pair *self, enum pop_tls_binding kind,
               const unsigned char *expected, size_t expected_length)
{
    unsigned char binding[POP_TLS_BINDING_OCTETS];
    struct pop_error error;
    size_t length = 99;

    assert_int_equal(
        pop_tls_peer_binding(session_of(self), kind, binding, &length, &error),
        POP_OK);
    assert_int_equal(length, expected_length);
    if (length > 0) {
        assert_memory_equal(binding, expected, length);
    }
}

static void
test_nothing_before_the_handshake(void **state)
{
    const struct tls_setup setup = {.verify = true};
    struct pop_tls_cipher cipher;
    struct tls_pair self;

    (void)state;
    open_tls(&self, &setup);
    assert_false(pop_tls_peer_cipher(session_of(&self), &cipher));
    assert_false(pop_tls_peer_is_verified(session_of(&self)));
    assert_binding(&self, POP_TLS_EXPORTER, NULL, 0);
    close_tls(&self);
}

static void
test_certificate_without_memory(void **state)
{
    struct tls_pair self;
    unsigned char *der;
    size_t length;

    (void)state;
    connect_tls(&self, 0);
    support_fail_allocation(0);
    assert_int_equal(pop_tls_peer_certificate(session_of(&self), &der, &length,
                                              &self.error),
                     POP_NO_MEMORY);
    assert_true(support_stop_failing());
    assert_null(der);
    assert_int_equal(length, 0);
    close_tls(&self);
}

/* The server's Finished comes first in a resumed session. */
static void
test_tls_unique_of_a_resumed_session(void **state)
{
    unsigned char expected[POP_TLS_BINDING_OCTETS];
    const struct tls_setup setup = {.version = TLS1_2_VERSION};
    struct tls_pair first;
    struct tls_pair self;
    SSL_SESSION *session;
    size_t length;

    (void)state;
    connect_tls(&first, TLS1_2_VERSION);
    session = SSL_get1_session(session_of(&first));
    open_tls(&self, &setup);
    SSL_free(self.server);
    self.server = SSL_new(first.config);
    assert_int_equal(SSL_set_fd(self.server, self.fds[1]), 1);
    SSL_set_accept_state(self.server);
    assert_int_equal(SSL_set_session(session_of(&self), session), 1);
    assert_int_equal(shake_hands(&self), POP_OK);
    assert_true(SSL_session_reused(session_of(&self)));
    length = SSL_get_finished(self.server, expected, sizeof(expected));
    assert_int_equal(length, 12);
    assert_binding(&self, POP_TLS_UNIQUE, expected, length);
    SSL_SESSION_free(session);
    close_tls(&self);
    close_tls(&first);
}

#ifdef SSL_OP_NO_EXTENDED_MASTER_SECRET
static void
test_no_exporter_without_extended_master_secret(void **state)
{
    const struct tls_setup setup = {.version = TLS1_2_VERSION};
    struct tls_pair self;

    (void)state;
    open_tls(&self, &setup);
    SSL_set_options(self.server, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    assert_int_equal(shake_hands(&self), POP_OK);
    assert_binding(&self, POP_TLS_EXPORTER, NULL, 0);
    close_tls(&self);
}
#endif

/* The digest of a certificate for its signature; NULL: none. */
static void
check_end_point(const struct tls_setup *setup, const EVP_MD *expected)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    struct tls_pair self;

    open_tls(&self, setup);
    assert_int_equal(shake_hands(&self), POP_OK);
    if (expected != NULL) {
        assert_int_equal(
            X509_digest(certificate_of(&self), expected, digest, &length), 1);
    }
    assert_binding(&self, POP_TLS_SERVER_END_POINT, digest, length);
    close_tls(&self);
}

static void
test_server_end_point(void **state)
{
    const struct tls_setup ed25519 = {.is_ed25519 = true};
    const struct tls_setup sha1 = {.digest = "SHA1"};
    const struct tls_setup sha384 = {.digest = "SHA384"};

    (void)state;
    check_end_point(&sha384, EVP_sha384());
    check_end_point(&sha1, EVP_sha256());
    check_end_point(&ed25519, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_nothing_before_the_handshake),
        UNIT_TEST(test_certificate_without_memory),
        UNIT_TEST(test_tls_unique_of_a_resumed_session),
#ifdef SSL_OP_NO_EXTENDED_MASTER_SECRET
        UNIT_TEST(test_no_exporter_without_extended_master_secret),
#endif
        UNIT_TEST(test_server_end_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
