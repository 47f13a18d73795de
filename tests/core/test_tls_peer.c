#include "core/tls/tls_peer.h"

#include <openssl/ssl.h>
#include <string.h>

#include "core/proto/mem.h"
#include "tls_fixture.h"

static SSL *
session_of(const struct tls_fixture *self)
{
    return pop_transport_tls_session(self->transport);
}

static void
test_nothing_before_the_handshake(void **state)
{
    static const enum pop_tls_binding kinds[] = {
        POP_TLS_UNIQUE, POP_TLS_SERVER_END_POINT, POP_TLS_EXPORTER};
    const struct tls_setup setup = {.options = {.verify = true}};
    unsigned char binding[POP_TLS_BINDING_OCTETS];
    struct pop_tls_cipher cipher;
    struct tls_fixture self;
    unsigned char *der;
    size_t length;
    size_t i;

    (void)state;
    open_tls(&self, &setup);
    assert_false(pop_tls_peer_cipher(session_of(&self), &cipher));
    assert_false(pop_tls_peer_is_verified(session_of(&self)));
    assert_int_equal(pop_tls_peer_certificate(session_of(&self), &der, &length,
                                              &self.error),
                     POP_OK);
    assert_null(der);
    assert_int_equal(length, 0);
    for (i = 0; i < COUNT_OF(kinds); i++) {
        assert_int_equal(pop_tls_peer_binding(session_of(&self), kinds[i],
                                              binding, &length, &self.error),
                         POP_OK);
        assert_int_equal(length, 0);
    }
    close_tls(&self);
}

static void
test_cipher_and_version(void **state)
{
    static const char *const names[] = {"TLSv1.2", "TLSv1.3"};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        struct pop_tls_cipher cipher;
        struct tls_fixture self;
        const SSL_CIPHER *current;

        connect_version(&self, versions[i]);
        current = SSL_get_current_cipher(self.server.ssl);
        assert_string_equal(pop_tls_peer_version(session_of(&self)), names[i]);
        assert_true(pop_tls_peer_cipher(session_of(&self), &cipher));
        assert_string_equal(cipher.name, SSL_CIPHER_get_name(current));
        assert_string_equal(cipher.version, names[i]);
        assert_int_equal(cipher.bits, SSL_CIPHER_get_bits(current, NULL));
        close_tls(&self);
    }
}

/* --- certificate -------------------------------------------------------- */

static void
test_certificate(void **state)
{
    struct tls_fixture self;
    unsigned char *der;
    unsigned char *expected = NULL;
    size_t length;
    int octets;

    (void)state;
    connect_version(&self, 0);
    octets = i2d_X509(self.identity.certificate, &expected);
    assert_int_equal(pop_tls_peer_certificate(session_of(&self), &der, &length,
                                              &self.error),
                     POP_OK);
    assert_int_equal(length, octets);
    assert_memory_equal(der, expected, length);
    POP_FREE(der);
    OPENSSL_free(expected);
    close_tls(&self);
}

static void
test_certificate_without_memory(void **state)
{
    struct tls_fixture self;
    unsigned char *der;
    size_t length;

    (void)state;
    connect_version(&self, 0);
    support_fail_allocation(0);
    assert_int_equal(pop_tls_peer_certificate(session_of(&self), &der, &length,
                                              &self.error),
                     POP_NO_MEMORY);
    assert_true(support_stop_failing());
    assert_null(der);
    assert_int_equal(length, 0);
    close_tls(&self);
}

/* --- channel bindings --------------------------------------------------- */

static void
assert_binding(const struct tls_fixture *self, enum pop_tls_binding kind,
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
test_tls_unique(void **state)
{
    unsigned char expected[POP_TLS_BINDING_OCTETS];
    struct tls_fixture self;
    size_t length;

    (void)state;
    connect_version(&self, TLS1_2_VERSION);
    length = SSL_get_peer_finished(self.server.ssl, expected,
                                   sizeof(expected));
    assert_int_equal(length, 12);
    assert_binding(&self, POP_TLS_UNIQUE, expected, length);
    close_tls(&self);

    connect_version(&self, TLS1_3_VERSION);
    assert_binding(&self, POP_TLS_UNIQUE, NULL, 0);
    close_tls(&self);
}

/* Then the server's Finished comes first. */
static void
test_tls_unique_of_a_resumed_session(void **state)
{
    const struct tls_setup setup = {.version = TLS1_2_VERSION};
    unsigned char expected[POP_TLS_BINDING_OCTETS];
    struct tls_fixture first;
    struct tls_fixture self;
    SSL_SESSION *session;
    size_t length;

    (void)state;
    connect_tls(&first, &setup);
    session = SSL_get1_session(session_of(&first));
    open_tls(&self, &setup);
    reopen_server(&self.server, &first.server);
    assert_int_equal(SSL_set_session(session_of(&self), session), 1);
    assert_int_equal(shake_hands(&self), POP_OK);
    assert_true(SSL_session_reused(session_of(&self)));
    length = SSL_get_finished(self.server.ssl, expected, sizeof(expected));
    assert_int_equal(length, 12);
    assert_binding(&self, POP_TLS_UNIQUE, expected, length);
    SSL_SESSION_free(session);
    close_tls(&self);
    close_tls(&first);
}

static void
export_expected(const struct tls_fixture *self, unsigned char *expected)
{
    static const char label[] = "EXPORTER-Channel-Binding";

    assert_int_equal(SSL_export_keying_material(
                         self->server.ssl, expected, 32, label,
                         sizeof(label) - 1, (const unsigned char *)"", 0, 1),
                     1);
}

static void
test_exporter(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(versions); i++) {
        unsigned char expected[32];
        struct tls_fixture self;

        connect_version(&self, versions[i]);
        export_expected(&self, expected);
        assert_binding(&self, POP_TLS_EXPORTER, expected, 32);
        close_tls(&self);
    }
}

#ifdef SSL_OP_NO_EXTENDED_MASTER_SECRET
static void
test_no_exporter_without_extended_master_secret(void **state)
{
    const struct tls_setup setup = {.version = TLS1_2_VERSION};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    SSL_set_options(self.server.ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    assert_int_equal(shake_hands(&self), POP_OK);
    assert_binding(&self, POP_TLS_EXPORTER, NULL, 0);
    close_tls(&self);
}
#endif

/* The digest of the certificate that is expected for its signature; NULL:
   none. */
static void
check_end_point(const struct tls_identity_options *options,
                const EVP_MD *expected)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    struct tls_identity identity;
    struct tls_setup setup = {.identity = &identity};
    size_t i;

    identity_make(&identity, options);
    if (expected != NULL) {
        assert_int_equal(
            X509_digest(identity.certificate, expected, digest, &length), 1);
    }
    for (i = 0; i < COUNT_OF(versions); i++) {
        struct tls_fixture self;

        setup.version = versions[i];
        connect_tls(&self, &setup);
        assert_binding(&self, POP_TLS_SERVER_END_POINT, digest, length);
        close_tls(&self);
    }
    identity_free(&identity);
}

static void
test_server_end_point(void **state)
{
    const EVP_MD *const digests[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
    const struct tls_identity_options ed25519 = {.is_ed25519 = true};
    const struct tls_identity_options sha1 = {.digest = EVP_sha1()};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(digests); i++) {
        const struct tls_identity_options options = {.digest = digests[i]};

        check_end_point(&options, digests[i]);
    }
    check_end_point(&sha1, EVP_sha256());
    check_end_point(&ed25519, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_nothing_before_the_handshake),
        UNIT_TEST(test_cipher_and_version),
        UNIT_TEST(test_certificate),
        UNIT_TEST(test_certificate_without_memory),
        UNIT_TEST(test_tls_unique),
        UNIT_TEST(test_tls_unique_of_a_resumed_session),
        UNIT_TEST(test_exporter),
#ifdef SSL_OP_NO_EXTENDED_MASTER_SECRET
        UNIT_TEST(test_no_exporter_without_extended_master_secret),
#endif
        UNIT_TEST(test_server_end_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
