#include "core/tls/tls_trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tls_pair.h"

#define MISSING "/nonexistent.pem"
#define JUNK "/dev/null"

static int
count(const SSL_CTX *config)
{
    return sk_X509_OBJECT_num(
        X509_STORE_get0_objects(SSL_CTX_get_cert_store(config)));
}

/* How many certificates are trusted with these files. */
static int
count_trusted(const char *const *files)
{
    SSL_CTX *config = SSL_CTX_new(TLS_client_method());
    int trusted;

    assert_non_null(config);
    pop_tls_trust_bundle(config, files);
    trusted = count(config);
    SSL_CTX_free(config);
    assert_int_equal(ERR_peek_error(), 0);
    return trusted;
}

/* Writes a certificate to a file, whose path is made of `path`. */
static void
write_certificate(char *path)
{
    static const struct tls_setup any = {0};
    struct tls_pair self;
    FILE *file = fdopen(mkstemp(path), "w");

    assert_non_null(file);
    open_tls(&self, &any);
    assert_int_equal(PEM_write_X509(file, certificate_of(&self)), 1);
    assert_int_equal(fclose(file), 0);
    close_tls(&self);
}

static void
test_the_first_bundle_that_has_any(void **state)
{
    char path[] = "/tmp/poptestXXXXXX";
    const char *const bad[] = {MISSING, JUNK, NULL};
    const char *const files[] = {MISSING, JUNK, path, path, NULL};
    struct pop_error error;
    SSL_CTX *config = SSL_CTX_new(TLS_client_method());

    (void)state;
    write_certificate(path);
    assert_int_equal(count_trusted(bad), 0);
    assert_int_equal(count_trusted(files), 1);
    assert_int_equal(setenv("SSL_CERT_FILE", path, 1), 0);
    assert_int_equal(count_trusted(files), 0);
    assert_int_equal(pop_tls_trust_system(config, &error), POP_OK);
    assert_int_equal(count(config), 1);
    assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
    SSL_CTX_free(config);
    assert_int_equal(unlink(path), 0);
}

static void
test_a_directory_of_authorities(void **state)
{
    const struct pop_tls_options options = {.verify = true, .ca = "/tmp"};
    struct ssl_ctx_st *config;
    struct pop_error error;

    (void)state;
    assert_int_equal(pop_tls_config_new(&options, &config, &error), POP_OK);
    pop_tls_config_free(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_the_first_bundle_that_has_any),
        UNIT_TEST(test_a_directory_of_authorities),
    };

    unsetenv("SSL_CERT_FILE");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
