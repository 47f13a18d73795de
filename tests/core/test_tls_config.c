#include "core/tls/tls_config.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "support.h"

/* A session with `host` that verifies, which the caller frees; NULL and
 *error if the host is refused. */
static SSL *
open_session(const char *host, struct pop_error *error)
{
    static const struct pop_tls_options verifying = {.verify = true};
    struct ssl_ctx_st *config;
    struct ssl_st *ssl;
    enum pop_status status;

    assert_int_equal(pop_tls_config_new(&verifying, &config, error), POP_OK);
    status = pop_tls_config_session(config, host, &ssl, error);
    assert_int_equal(status, ssl == NULL ? POP_TLS : POP_OK);
    pop_tls_config_free(config);
    return ssl;
}

static void
assert_refused(const char *host, const char *text)
{
    struct pop_error error;

    assert_null(open_session(host, &error));
    assert_int_equal(error.tls, 0);
    assert_string_equal(error.text, text);
}

static void
test_hosts_that_are_refused(void **state)
{
    struct pop_error error;
    char host[257];
    SSL *ssl;

    (void)state;
    memset(host, 'a', sizeof(host));
    host[256] = '\0';
    assert_refused(host, "the host must have 1 to 255 octets");
    assert_refused("", "the host must have 1 to 255 octets");
    assert_refused(".example.org", "the host must not begin with a dot");
    ssl = open_session(host + 1, &error);
    assert_non_null(ssl);
    SSL_free(ssl);
}

static void
test_the_zone_of_an_address_is_no_name(void **state)
{
    struct pop_error error;
    SSL *ssl = open_session("fe80::1%eth0", &error);

    (void)state;
    assert_null(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    SSL_free(ssl);
}

static void
test_which_names_match(void **state)
{
    struct pop_error error;
    SSL *ssl = open_session("pop.example.org", &error);

    (void)state;
    assert_int_equal(X509_VERIFY_PARAM_get_hostflags(SSL_get0_param(ssl)),
                     X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                         X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    SSL_free(ssl);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_hosts_that_are_refused),
        UNIT_TEST(test_the_zone_of_an_address_is_no_name),
        UNIT_TEST(test_which_names_match),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
