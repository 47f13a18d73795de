#include "core/tls/tls_config.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "tls_fixture.h"

static enum pop_status
configure(const struct pop_tls_options *options, struct pop_error *error)
{
    struct ssl_ctx_st *config;
    enum pop_status status = pop_tls_config_new(options, &config, error);

    assert_int_equal(config == NULL, status != POP_OK);
    pop_tls_config_free(config);
    return status;
}

/* --- the library -------------------------------------------------------- */

static void
test_the_library_tells_its_version(void **state)
{
    (void)state;
    assert_non_null(strstr(pop_tls_config_library(), "SSL "));
}

/* --- versions ----------------------------------------------------------- */

static void
test_the_best_version_is_spoken(void **state)
{
    struct tls_fixture self;

    (void)state;
    connect_version(&self, 0);
    assert_string_equal(SSL_get_version(self.server.ssl), "TLSv1.3");
    close_tls(&self);
    connect_version(&self, TLS1_2_VERSION);
    assert_string_equal(SSL_get_version(self.server.ssl), "TLSv1.2");
    close_tls(&self);
}

static void
test_a_server_without_tls_1_2_refuses_us(void **state)
{
    const struct tls_setup setup = {.version = TLS1_1_VERSION};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    SSL_set_security_level(self.server.ssl, 0);
    assert_int_equal(shake_hands(&self), POP_TLS);
    assert_reason(&self, "TLSV1_ALERT_PROTOCOL_VERSION");
    close_tls(&self);
}

/* It does not care for what we offer. */
static void
test_a_server_that_says_tls_1_1_is_refused(void **state)
{
    static const char hello[] = "\x16\x03\x02\0\x2a\x02\0\0\x26\x03\x02"
                                "0123456789abcdef0123456789abcdef"
                                "\0\xc0\x09\0";
    const struct tls_setup setup = {0};
    struct tls_fixture self;

    (void)state;
    open_tls(&self, &setup);
    peer_sends_raw(&self, hello, sizeof(hello) - 1);
    assert_int_equal(tls_handshake(&self), POP_TLS);
    assert_reason(&self, "UNSUPPORTED_PROTOCOL");
    close_tls(&self);
}

/* --- host --------------------------------------------------------------- */

/* The server name that a client with this host has sent; NULL: none. */
static const char *
name_sent_for(const char *host, char *name, size_t size)
{
    const struct tls_setup setup = {.host = host};
    struct tls_fixture self;
    const char *sent;

    connect_tls(&self, &setup);
    sent = SSL_get_servername(self.server.ssl, TLSEXT_NAMETYPE_host_name);
    if (sent != NULL) {
        (void)snprintf(name, size, "%s", sent);
    }
    close_tls(&self);
    return sent == NULL ? NULL : name;
}

static void
test_names_are_sent(void **state)
{
    char name[300];

    (void)state;
    assert_string_equal(name_sent_for(HOST, name, sizeof(name)), HOST);
    assert_string_equal(name_sent_for(HOST ".", name, sizeof(name)), HOST);
    assert_string_equal(name_sent_for("localhost", name, sizeof(name)),
                        "localhost");
    assert_string_equal(name_sent_for("10.0.0.256", name, sizeof(name)),
                        "10.0.0.256");
}

static void
test_addresses_are_not_sent(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "::1", "fe80::1%eth0",
                                            "::ffff:10.0.0.1"};
    char name[300];
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(addresses); i++) {
        assert_null(name_sent_for(addresses[i], name, sizeof(name)));
    }
}

static enum pop_status
open_session(const char *host, struct pop_error *error)
{
    static const struct pop_tls_options verifying = {.verify = true};
    struct ssl_ctx_st *config;
    struct ssl_st *ssl;
    enum pop_status status;

    assert_int_equal(pop_tls_config_new(&verifying, &config, error), POP_OK);
    memset(error, 0, sizeof(*error));
    status = pop_tls_config_session(config, host, &ssl, error);
    assert_int_equal(ssl == NULL, status != POP_OK);
    SSL_free(ssl);
    pop_tls_config_free(config);
    return status;
}

static void
test_lengths_of_the_host(void **state)
{
    static const char text[] = "the host must have 1 to 255 octets";
    struct pop_error error;
    char host[257];

    (void)state;
    memset(host, 'a', sizeof(host));
    host[256] = '\0';
    assert_int_equal(open_session(host, &error), POP_TLS);
    assert_string_equal(error.text, text);
    assert_int_equal(open_session(host + 1, &error), POP_OK);
    assert_int_equal(open_session("a", &error), POP_OK);
    assert_int_equal(open_session("", &error), POP_TLS);
    assert_string_equal(error.text, text);
    assert_int_equal(error.tls, 0);
}

/* To OpenSSL, it would be the host of every certificate for *.example.org. */
static void
test_a_host_with_a_leading_dot_is_refused(void **state)
{
    struct pop_error error;

    (void)state;
    assert_int_equal(open_session(".example.org", &error), POP_TLS);
    assert_string_equal(error.text, "the host must not begin with a dot");
    assert_int_equal(open_session(".", &error), POP_TLS);
    assert_string_equal(error.text, "the host must not begin with a dot");
}

/* --- who is trusted ----------------------------------------------------- */

static void
assert_failure(const struct pop_tls_options *options, enum pop_status status,
               const char *text)
{
    struct pop_error error = {0};

    assert_int_equal(configure(options, &error), status);
    assert_string_equal(error.text, text);
    assert_int_equal(error.sys, status == POP_SYSTEM ? ENOENT : 0);
}

static void
assert_text_of(const struct pop_tls_options *options, const char *what,
               const char *path)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "%s: %s", what, path);
    assert_failure(options, POP_TLS, text);
}

static void
test_ca_files_that_are_none(void **state)
{
    struct tls_folder folder;
    struct pop_tls_options options = {.verify = true};

    (void)state;
    open_folder(&folder);
    options.ca = missing_file(&folder, "missing.pem");
    assert_failure(&options, POP_SYSTEM, options.ca);
    options.ca = write_text(&folder, "junk.pem", "junk\n");
    assert_text_of(&options, "no CA certificates", options.ca);
    options.ca = write_text(&folder, "empty.pem", "");
    assert_text_of(&options, "no CA certificates", options.ca);
    /* A directory of no certificates trusts nobody. */
    options.ca = folder.path;
    assert_failure(&options, POP_OK, "");
    /* Who verifies nothing reads nothing. */
    options.verify = false;
    options.ca = "missing.pem";
    assert_failure(&options, POP_OK, "");
    close_folder(&folder);
}

static void
test_what_others_left_in_the_queue_is_not_ours(void **state)
{
    struct pop_tls_options options = {.verify = true};
    struct pop_error error = {0};

    (void)state;
    ERR_put_error(ERR_LIB_SSL, 0, SSL_R_WRONG_VERSION_NUMBER, "", 0);
    assert_int_equal(configure(&options, &error), POP_OK);
    assert_int_equal(error.tls, 0);
}

/* --- the client's certificate ------------------------------------------- */

#define NO_KEY "no private key for the certificate"

static void
make_client(struct tls_identity *client)
{
    const struct tls_identity_options options = {.subject = "client"};

    identity_make(client, &options);
}

static void
test_certificate_files_that_are_none(void **state)
{
    struct pop_tls_options options = {0};
    struct tls_identity client;
    struct tls_folder folder;
    const char *certificate;
    const char *key;

    (void)state;
    open_folder(&folder);
    make_client(&client);
    certificate = write_certificate(&folder, "client.pem", &client);
    key = write_key(&folder, "client.key", &client, NULL);
    options.keyfile = key;
    options.certfile = missing_file(&folder, "missing.pem");
    assert_failure(&options, POP_SYSTEM, options.certfile);
    options.certfile = write_text(&folder, "junk.pem", "junk\n");
    assert_text_of(&options, "no certificate", options.certfile);
    options.certfile = folder.path;
    assert_text_of(&options, "no certificate", options.certfile);
    options.certfile = key;
    assert_text_of(&options, "no certificate", key);
    /* And the right ones. */
    options.certfile = certificate;
    assert_failure(&options, POP_OK, "");
    identity_free(&client);
    close_folder(&folder);
}

static void
test_key_files_that_are_none(void **state)
{
    struct pop_tls_options options = {0};
    struct tls_identity client;
    struct tls_identity other;
    struct tls_folder folder;

    (void)state;
    open_folder(&folder);
    make_client(&client);
    make_client(&other);
    options.certfile = write_certificate(&folder, "client.pem", &client);
    assert_text_of(&options, NO_KEY, options.certfile);
    options.keyfile = missing_file(&folder, "missing.key");
    assert_failure(&options, POP_SYSTEM, options.keyfile);
    options.keyfile = write_text(&folder, "junk.key", "junk\n");
    assert_text_of(&options, NO_KEY, options.keyfile);
    options.keyfile = write_key(&folder, "other.key", &other, NULL);
    assert_text_of(&options, NO_KEY, options.keyfile);
    identity_free(&other);
    identity_free(&client);
    close_folder(&folder);
}

/* On a terminal this would wait for somebody to type. */
static void
test_an_encrypted_key_asks_nobody(void **state)
{
    static const char text[] =
        "the private key is encrypted; decrypt it, or load it into an "
        "SSLContext with its password";
    struct pop_tls_options options = {0};
    struct tls_identity client;
    struct tls_folder folder;

    (void)state;
    open_folder(&folder);
    make_client(&client);
    options.certfile = write_certificate(&folder, "client.pem", &client);
    options.keyfile = write_key(&folder, "client.key", &client, "secret");
    assert_text_of(&options, text, options.keyfile);
    identity_free(&client);
    close_folder(&folder);
}

/* PEM knows that, too. */
static void
test_an_encrypted_certificate_asks_nobody(void **state)
{
    static const char text[] =
        "-----BEGIN CERTIFICATE-----\n"
        "Proc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-128-CBC,000102030405060708090A0B0C0D0E0F\n"
        "\n"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        "-----END CERTIFICATE-----\n";
    struct pop_tls_options options = {0};
    struct tls_folder folder;

    (void)state;
    open_folder(&folder);
    options.certfile = write_text(&folder, "client.pem", text);
    assert_text_of(&options, "the certificate is encrypted", options.certfile);
    close_folder(&folder);
}

static int
accept_any(int ok, X509_STORE_CTX *context)
{
    (void)ok;
    (void)context;
    return 1;
}

/* The handshake with a server that asks for a certificate; true if it has
   got ours. */
static bool
is_shown(const struct pop_tls_options *options, int version, X509 *expected)
{
    const struct tls_setup setup = {.version = version, .options = *options};
    struct tls_fixture self;
    X509 *shown;
    bool is_ours;

    open_tls(&self, &setup);
    SSL_set_verify(self.server.ssl, SSL_VERIFY_PEER, accept_any);
    assert_int_equal(shake_hands(&self), POP_OK);
    shown = SSL_get_peer_certificate(self.server.ssl);
    is_ours = shown != NULL && X509_cmp(shown, expected) == 0;
    X509_free(shown);
    close_tls(&self);
    return is_ours;
}

static void
test_the_certificate_is_shown_to_who_asks(void **state)
{
    struct pop_tls_options options = {0};
    struct tls_identity client;
    struct tls_folder folder;
    size_t i;

    (void)state;
    open_folder(&folder);
    make_client(&client);
    for (i = 0; i < COUNT_OF(versions); i++) {
        options.certfile = write_both(&folder, "both.pem", &client);
        options.keyfile = NULL;
        assert_true(is_shown(&options, versions[i], client.certificate));
        options.certfile = write_certificate(&folder, "client.pem", &client);
        options.keyfile = write_key(&folder, "client.key", &client, NULL);
        assert_true(is_shown(&options, versions[i], client.certificate));
        options.certfile = NULL;
        assert_false(is_shown(&options, versions[i], client.certificate));
    }
    identity_free(&client);
    close_folder(&folder);
}

static void
refuse_clients_without_certificate(struct tls_fixture *self, int version)
{
    const struct tls_setup setup = {.version = version};

    open_tls(self, &setup);
    SSL_set_verify(self->server.ssl,
                   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

/* In TLS 1.3 the client hears of it after its own handshake. */
static void
test_a_server_that_wants_a_certificate(void **state)
{
    struct tls_fixture self;

    (void)state;
    refuse_clients_without_certificate(&self, TLS1_2_VERSION);
    assert_int_equal(shake_hands(&self), POP_TLS);
    assert_reason(&self, "SSLV3_ALERT_HANDSHAKE_FAILURE");
    close_tls(&self);

    refuse_clients_without_certificate(&self, TLS1_3_VERSION);
    assert_int_equal(shake_hands(&self), POP_OK);
    assert_int_equal(tls_receive(&self), POP_TLS);
    assert_reason(&self, "TLSV13_ALERT_CERTIFICATE_REQUIRED");
    assert_int_equal(tls_send(&self, "QUIT\r\n", 6), POP_TLS);
    assert_reason(&self, "TLSV13_ALERT_CERTIFICATE_REQUIRED");
    close_tls(&self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_the_library_tells_its_version),
        UNIT_TEST(test_the_best_version_is_spoken),
        UNIT_TEST(test_a_server_without_tls_1_2_refuses_us),
        UNIT_TEST(test_a_server_that_says_tls_1_1_is_refused),
        UNIT_TEST(test_names_are_sent),
        UNIT_TEST(test_addresses_are_not_sent),
        UNIT_TEST(test_lengths_of_the_host),
        UNIT_TEST(test_a_host_with_a_leading_dot_is_refused),
        UNIT_TEST(test_ca_files_that_are_none),
        UNIT_TEST(test_what_others_left_in_the_queue_is_not_ours),
        UNIT_TEST(test_certificate_files_that_are_none),
        UNIT_TEST(test_key_files_that_are_none),
        UNIT_TEST(test_an_encrypted_key_asks_nobody),
        UNIT_TEST(test_an_encrypted_certificate_asks_nobody),
        UNIT_TEST(test_the_certificate_is_shown_to_who_asks),
        UNIT_TEST(test_a_server_that_wants_a_certificate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
