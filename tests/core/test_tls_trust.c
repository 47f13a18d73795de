#include "core/tls/tls_trust.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "support.h"
#include "tls_identity.h"

/* How many certificates are trusted with these files. */
static int
count_trusted(const char *const *files)
{
    SSL_CTX *config = SSL_CTX_new(TLS_client_method());
    int count;

    assert_non_null(config);
    pop_tls_trust_bundle(config, files);
    count = sk_X509_OBJECT_num(
        X509_STORE_get0_objects(SSL_CTX_get_cert_store(config)));
    SSL_CTX_free(config);
    assert_int_equal(ERR_peek_error(), 0);
    return count;
}

static void
test_the_first_bundle_that_has_any(void **state)
{
    const struct tls_identity_options options = {.subject = "Test authority",
                                                 .is_ca = true};
    struct tls_identity ca;
    struct tls_folder folder;
    const char *files[4] = {NULL};

    (void)state;
    identity_make(&ca, &options);
    open_folder(&folder);
    assert_int_equal(count_trusted(files), 0);
    files[0] = missing_file(&folder, "missing.pem");
    assert_int_equal(count_trusted(files), 0);
    files[1] = write_text(&folder, "junk.pem", "junk\n");
    assert_int_equal(count_trusted(files), 0);
    files[2] = write_certificate(&folder, "ca.pem", &ca);
    assert_int_equal(count_trusted(files), 1);
    assert_int_equal(setenv("SSL_CERT_FILE", files[0], 1), 0);
    assert_int_equal(count_trusted(files), 0);
    assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
    close_folder(&folder);
    identity_free(&ca);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_the_first_bundle_that_has_any),
    };

    unsetenv("SSL_CERT_FILE");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
