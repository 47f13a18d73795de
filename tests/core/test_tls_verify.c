#include "core/tls/tls_verify.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/tls/tls_error.h"
#include "core/tls/tls_peer.h"
#include "tls_fixture.h"

static const struct tls_identity_options authority = {
    .subject = "Test authority", .is_ca = true};

/* How a client that trusts `ca` finds `identity`; the handshake's error is
   left in *error. */
static enum pop_status
verify(const struct tls_identity *identity, const char *ca, const char *host,
       struct pop_error *error)
{
    const struct tls_setup setup = {.identity = identity,
                                    .host = host,
                                    .options = {.verify = true, .ca = ca}};
    struct tls_fixture self;
    enum pop_status status;

    open_tls(&self, &setup);
    status = shake_hands(&self);
    *error = self.error;
    assert_int_equal(
        pop_tls_peer_is_verified(pop_transport_tls_session(self.transport)),
        status == POP_OK);
    close_tls(&self);
    return status;
}

static void
assert_refused(const struct pop_error *error, long code, const char *text)
{
    char name[64];

    pop_tls_error_name(error->tls, name, sizeof(name));
    assert_string_equal(name, "CERTIFICATE_VERIFY_FAILED");
    assert_int_equal(error->verify, code);
    assert_string_equal(error->text, text);
}

/* --- the host ----------------------------------------------------------- */

/* A certificate by an authority that is trusted. */
static enum pop_status
verify_names(struct tls_identity_options options, const char *host,
             struct pop_error *error)
{
    struct tls_identity ca;
    struct tls_identity identity;
    struct tls_folder folder;
    enum pop_status status;

    open_folder(&folder);
    identity_make(&ca, &authority);
    options.issuer = &ca;
    identity_make(&identity, &options);
    status = verify(&identity, write_certificate(&folder, "ca.pem", &ca), host,
                    error);
    identity_free(&identity);
    identity_free(&ca);
    close_folder(&folder);
    return status;
}

static void
test_hosts_that_match(void **state)
{
    static const struct {
        const char *names;
        const char *host;
    } matches[] = {
        {"pop.example.org", "pop.example.org"},
        {"pop.example.org", "POP.Example.ORG"},
        {"pop.example.org", "pop.example.org."},
        {"mail.example.org,pop.example.org", "pop.example.org"},
        {"*.example.org", "pop.example.org"},
        {"localhost", "localhost"},
        {"127.0.0.1", "127.0.0.1"},
        {"pop.example.org,::1", "::1"},
        {"::1", "0:0:0::1"},
        {"fe80::1", "fe80::1%lo"},
        {"127.0.0.1", "127.0.0.1."},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(matches); i++) {
        struct tls_identity_options options = {.names = matches[i].names};
        struct pop_error error;

        assert_int_equal(verify_names(options, matches[i].host, &error),
                         POP_OK);
    }
}

static void
test_hosts_that_do_not_match(void **state)
{
    static const struct {
        const char *names;
        const char *host;
        const char *told;
    } mismatches[] = {
        {"mail.example.org", "pop.example.org", "mail.example.org"},
        {"mail.example.org,10.0.0.1,::1", "pop.example.org",
         "mail.example.org, 10.0.0.1, ::1"},
        {"*.example.org", "example.org", "*.example.org"},
        {"*.example.org", "a.b.example.org", "*.example.org"},
        {"po*.example.org", "pop.example.org", "po*.example.org"},
        {"pop.example.org", "pop.example.org..", "pop.example.org"},
        /* The common name is no name, and an address no name either. */
        {NULL, "test", "no name"},
        {"10.0.0.1", "pop.example.org", "10.0.0.1"},
        /* No IPv4 address has a zone. */
        {"10.0.0.1", "10.0.0.1%lo", "10.0.0.1"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(mismatches); i++) {
        struct tls_identity_options options = {.names = mismatches[i].names};
        struct pop_error error;
        char text[256];

        (void)snprintf(text, sizeof(text),
                       "Hostname mismatch, certificate is not valid for "
                       "'%s', but for: %s",
                       mismatches[i].host, mismatches[i].told);
        assert_int_equal(verify_names(options, mismatches[i].host, &error),
                         POP_TLS);
        assert_refused(&error, X509_V_ERR_HOSTNAME_MISMATCH, text);
    }
}

static void
test_addresses_that_do_not_match(void **state)
{
    static const char *const names[] = {"10.0.0.2", "127.0.0.1.example.org"};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(names); i++) {
        struct tls_identity_options options = {.names = names[i]};
        struct pop_error error;
        char text[256];

        (void)snprintf(text, sizeof(text),
                       "IP address mismatch, certificate is not valid for "
                       "'127.0.0.1', but for: %s",
                       names[i]);
        assert_int_equal(verify_names(options, "127.0.0.1", &error), POP_TLS);
        assert_refused(&error, X509_V_ERR_IP_ADDRESS_MISMATCH, text);
    }
}

/* A server may have any name; what is told is printable, and has an end. */
static void
test_odd_names_are_not_told(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } odd[] = {{"pop.example.org\0.evil.org", 25},
               {"pop.\x1b[2J.org", 12},
               {"a b", 3},
               {"", 0}};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(odd); i++) {
        struct tls_identity_options options = {.names = "mail.example.org",
                                               .odd_name = odd[i].bytes,
                                               .odd_length = odd[i].length};
        struct pop_error error;

        assert_int_equal(verify_names(options, HOST, &error), POP_TLS);
        assert_refused(&error, X509_V_ERR_HOSTNAME_MISMATCH,
                       "Hostname mismatch, certificate is not valid for '" HOST
                       "', but for: mail.example.org");
    }
}

static void
test_many_long_names_are_cut(void **state)
{
    struct tls_identity_options options = {0};
    struct pop_error error;
    char names[20 * 201 + 1];
    char host[251];
    size_t i;

    (void)state;
    memset(names, 'n', sizeof(names));
    for (i = 200; i < sizeof(names); i += 201) {
        names[i] = ',';
    }
    names[sizeof(names) - 1] = '\0';
    memset(host, 'h', sizeof(host));
    host[250] = '\0';
    options.names = names;
    assert_int_equal(verify_names(options, host, &error), POP_TLS);
    assert_int_equal(error.verify, X509_V_ERR_HOSTNAME_MISMATCH);
    assert_in_range(strlen(error.text), 400, POP_ERROR_TEXT - 1);
    assert_non_null(strstr(error.text, "'hhhh"));
    assert_non_null(strstr(error.text, "but for: nnnn"));
}

/* --- the chain ---------------------------------------------------------- */

static void
test_an_expired_certificate(void **state)
{
    struct tls_identity_options options = {.names = HOST, .is_expired = true};
    struct pop_error error;

    (void)state;
    assert_int_equal(verify_names(options, HOST, &error), POP_TLS);
    assert_refused(&error, X509_V_ERR_CERT_HAS_EXPIRED,
                   "certificate has expired");
}

static void
test_an_unknown_authority(void **state)
{
    const struct tls_identity_options unknown = {.subject = "Unknown",
                                                 .is_ca = true};
    struct tls_identity_options options = {.names = HOST};
    struct tls_identity ca;
    struct tls_identity other;
    struct tls_identity identity;
    struct tls_folder folder;
    struct pop_error error;

    (void)state;
    open_folder(&folder);
    identity_make(&ca, &authority);
    identity_make(&other, &unknown);
    options.issuer = &other;
    identity_make(&identity, &options);
    assert_int_equal(verify(&identity,
                            write_certificate(&folder, "ca.pem", &ca), HOST,
                            &error),
                     POP_TLS);
    assert_refused(&error, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                   "unable to get local issuer certificate");
    identity_free(&identity);
    identity_free(&other);
    identity_free(&ca);
    close_folder(&folder);
}

/* Its own file makes it trusted, though it is no authority. */
static void
test_a_self_signed_certificate(void **state)
{
    const struct tls_identity_options options = {.names = HOST};
    struct tls_identity identity;
    struct tls_identity other;
    struct tls_folder folder;
    struct pop_error error;
    const char *ca;

    (void)state;
    open_folder(&folder);
    identity_make(&identity, &options);
    identity_make(&other, &authority);
    ca = write_certificate(&folder, "other.pem", &other);
    assert_int_equal(verify(&identity, ca, HOST, &error), POP_TLS);
    assert_int_equal(error.verify, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
    assert_true(strncmp(error.text, "self", 4) == 0);
    ca = write_certificate(&folder, "own.pem", &identity);
    assert_int_equal(verify(&identity, ca, HOST, &error), POP_OK);
    assert_int_equal(verify(&identity, ca, "mail.example.org", &error),
                     POP_TLS);
    assert_int_equal(error.verify, X509_V_ERR_HOSTNAME_MISMATCH);
    identity_free(&other);
    identity_free(&identity);
    close_folder(&folder);
}

/* A trusted leaf that somebody else has signed: a chain that is cut short. */
static void
test_a_leaf_is_trusted_without_its_authority(void **state)
{
    struct tls_identity_options options = {.names = HOST};
    struct tls_identity ca;
    struct tls_identity identity;
    struct tls_folder folder;
    struct pop_error error;
    const char *path;

    (void)state;
    open_folder(&folder);
    identity_make(&ca, &authority);
    options.issuer = &ca;
    identity_make(&identity, &options);
    path = write_certificate(&folder, "leaf.pem", &identity);
    assert_int_equal(verify(&identity, path, HOST, &error), POP_OK);
    assert_int_equal(verify(&ca, path, HOST, &error), POP_TLS);
    identity_free(&identity);
    identity_free(&ca);
    close_folder(&folder);
}

static void
test_where_authorities_are_found(void **state)
{
    struct tls_identity_options options = {.names = HOST};
    struct tls_identity ca;
    struct tls_identity identity;
    struct tls_folder folder;
    struct pop_error error;

    (void)state;
    open_folder(&folder);
    identity_make(&ca, &authority);
    options.issuer = &ca;
    identity_make(&identity, &options);
    /* A directory, at first without it. */
    assert_int_equal(verify(&identity, folder.path, HOST, &error), POP_TLS);
    (void)write_hashed(&folder, &ca);
    assert_int_equal(verify(&identity, folder.path, HOST, &error), POP_OK);
    /* OpenSSL's own store. */
    assert_int_equal(verify(&identity, NULL, HOST, &error), POP_TLS);
    assert_int_equal(
        setenv("SSL_CERT_FILE", write_certificate(&folder, "ca.pem", &ca), 1),
        0);
    assert_int_equal(verify(&identity, NULL, HOST, &error), POP_OK);
    assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
    identity_free(&identity);
    identity_free(&ca);
    close_folder(&folder);
}

/* --- what is not explained ---------------------------------------------- */

static void
test_who_does_not_verify_is_told_nothing(void **state)
{
    const struct tls_setup setup = {.host = "mail.example.org"};
    struct tls_fixture self;

    (void)state;
    connect_tls(&self, &setup);
    assert_false(
        pop_tls_peer_is_verified(pop_transport_tls_session(self.transport)));
    close_tls(&self);
}

static void
test_other_failures_are_not_explained(void **state)
{
    const struct tls_setup setup = {.options = {.verify = true}};
    struct pop_tls_names names = {""};
    struct tls_fixture self;
    struct pop_error error = {.tls = 0};
    SSL *ssl;

    (void)state;
    open_tls(&self, &setup);
    assert_int_equal(shake_hands(&self), POP_TLS);
    ssl = pop_transport_tls_session(self.transport);
    assert_true(SSL_get_verify_result(ssl) != X509_V_OK);
    pop_tls_verify_explain(ssl, HOST, &names, &error);
    assert_int_equal(error.verify, 0);
    assert_string_equal(error.text, "");
    /* And what is, is so again. */
    pop_tls_verify_explain(ssl, HOST, &names, &self.error);
    assert_int_equal(self.error.verify, SSL_get_verify_result(ssl));
    close_tls(&self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_hosts_that_match),
        UNIT_TEST(test_hosts_that_do_not_match),
        UNIT_TEST(test_addresses_that_do_not_match),
        UNIT_TEST(test_odd_names_are_not_told),
        UNIT_TEST(test_many_long_names_are_cut),
        UNIT_TEST(test_an_expired_certificate),
        UNIT_TEST(test_an_unknown_authority),
        UNIT_TEST(test_a_self_signed_certificate),
        UNIT_TEST(test_a_leaf_is_trusted_without_its_authority),
        UNIT_TEST(test_where_authorities_are_found),
        UNIT_TEST(test_who_does_not_verify_is_told_nothing),
        UNIT_TEST(test_other_failures_are_not_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
