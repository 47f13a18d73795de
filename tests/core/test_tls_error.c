#include "core/tls/tls_error.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include "support.h"

static void
fail_with(int library, int reason)
{
    ERR_put_error(library, 0, reason, "", 0);
}

static unsigned long
code_of(int library, int reason)
{
    return ERR_PACK(library, 0, reason);
}

static void
test_the_newest_error_is_taken_with_all_others(void **state)
{
    struct pop_error error;

    (void)state;
    fail_with(ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH);
    fail_with(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
    assert_int_equal(pop_tls_error_take(&error), POP_TLS);
    assert_int_equal(ERR_GET_LIB(error.tls), ERR_LIB_SSL);
    assert_int_equal(ERR_GET_REASON(error.tls), SSL_R_WRONG_VERSION_NUMBER);
    assert_int_equal(ERR_peek_error(), 0);
}

static void
test_a_system_error_is_taken_last(void **state)
{
    struct pop_error error;

    (void)state;
    fail_with(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
    fail_with(ERR_LIB_SYS, EPIPE);
    assert_int_equal(pop_tls_error_take(&error), POP_TLS);
    assert_int_equal(ERR_GET_LIB(error.tls), ERR_LIB_SSL);
    assert_int_equal(ERR_peek_error(), 0);
    fail_with(ERR_LIB_SYS, EPIPE);
    assert_int_equal(pop_tls_error_take(&error), POP_TLS);
    assert_int_equal(ERR_GET_LIB(error.tls), ERR_LIB_SYS);
}

static void
test_no_error_is_tls_all_the_same(void **state)
{
    struct pop_error error = {.tls = 1};

    (void)state;
    ERR_clear_error();
    assert_int_equal(pop_tls_error_take(&error), POP_TLS);
    assert_int_equal(error.tls, 0);
}

static void
test_out_of_memory(void **state)
{
    struct pop_error error;

    (void)state;
    fail_with(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
    assert_int_equal(pop_tls_error_take(&error), POP_NO_MEMORY);
    assert_int_equal(ERR_peek_error(), 0);
}

static void
test_the_queue_is_cleared(void **state)
{
    (void)state;
    fail_with(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
    pop_tls_error_clear();
    assert_int_equal(ERR_peek_error(), 0);
    pop_tls_error_clear();
}

static void
test_libraries(void **state)
{
    static const struct {
        int library;
        const char *name;
    } libraries[] = {
        {ERR_LIB_SSL, "SSL"},       {ERR_LIB_X509, "X509"},
        {ERR_LIB_PEM, "PEM"},       {ERR_LIB_SYS, "SYS"},
        {ERR_LIB_X509V3, "X509V3"}, {ERR_LIB_PKCS12, "PKCS12"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(libraries); i++) {
        unsigned long code = code_of(libraries[i].library, 100);

        assert_string_equal(pop_tls_error_library(code), libraries[i].name);
    }
    assert_null(pop_tls_error_library(code_of(ERR_LIB_USER, 100)));
    assert_null(pop_tls_error_library(0));
}

/* A system call's error has another packing in OpenSSL 3. */
static void
test_errors_of_system_calls(void **state)
{
    struct pop_error error;
    char name[32];

    (void)state;
    fail_with(ERR_LIB_SYS, ENOENT);
    assert_int_equal(pop_tls_error_take(&error), POP_TLS);
    assert_string_equal(pop_tls_error_library(error.tls), "SYS");
    pop_tls_error_name(error.tls, name, sizeof(name));
    assert_true(name[0] == '\0' || strstr(name, "NO_SUCH_FILE") != NULL);
}

static void
assert_name(int library, int reason, const char *expected)
{
    char name[64];

    memset(name, 'Z', sizeof(name));
    pop_tls_error_name(code_of(library, reason), name, sizeof(name));
    assert_string_equal(name, expected);
}

static void
test_names_of_reasons(void **state)
{
    (void)state;
    assert_string_equal(
        pop_tls_error_reason(code_of(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER)),
        "wrong version number");
    assert_name(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER,
                "WRONG_VERSION_NUMBER");
    assert_name(ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED,
                "CERTIFICATE_VERIFY_FAILED");
    assert_name(ERR_LIB_SSL, SSL_R_TLSV1_ALERT_UNKNOWN_CA,
                "TLSV1_ALERT_UNKNOWN_CA");
    assert_name(ERR_LIB_SSL, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
                "DECRYPTION_FAILED_OR_BAD_RECORD_MAC");
    assert_name(ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH,
                "KEY_VALUES_MISMATCH");
}

/* Whatever words OpenSSL has for them. */
static void
test_names_of_alerts(void **state)
{
    static const struct {
        int reason;
        const char *name;
    } alerts[] = {
        {1010, "SSLV3_ALERT_UNEXPECTED_MESSAGE"},
        {1020, "SSLV3_ALERT_BAD_RECORD_MAC"},
        {1040, "SSLV3_ALERT_HANDSHAKE_FAILURE"},
        {1042, "SSLV3_ALERT_BAD_CERTIFICATE"},
        {1043, "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"},
        {1044, "SSLV3_ALERT_CERTIFICATE_REVOKED"},
        {1045, "SSLV3_ALERT_CERTIFICATE_EXPIRED"},
        {1046, "SSLV3_ALERT_CERTIFICATE_UNKNOWN"},
        {1047, "SSLV3_ALERT_ILLEGAL_PARAMETER"},
        {1070, "TLSV1_ALERT_PROTOCOL_VERSION"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(alerts); i++) {
        assert_name(ERR_LIB_SSL, alerts[i].reason, alerts[i].name);
    }
    /* Another library's error with an alert's number. */
    assert_name(ERR_LIB_USER, 1040, "");
}

static void
test_names_that_are_not_known(void **state)
{
    (void)state;
    assert_name(ERR_LIB_SSL, 4000, "");
    assert_name(ERR_LIB_USER, 100, "");
    assert_null(pop_tls_error_reason(code_of(ERR_LIB_SSL, 4000)));
    assert_null(pop_tls_error_reason(code_of(ERR_LIB_USER, 100)));
}

static void
test_names_fit(void **state)
{
    unsigned long code = code_of(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
    char name[8] = "ZZZZZZZ";

    (void)state;
    pop_tls_error_name(code, name, 6);
    assert_memory_equal(name, "WRONG\0Z", 8);
    pop_tls_error_name(code, name, 1);
    assert_string_equal(name, "");
}

static int
load_reasons(void **state)
{
    uint64_t options = OPENSSL_INIT_LOAD_SSL_STRINGS |
                       OPENSSL_INIT_LOAD_CRYPTO_STRINGS;

    (void)state;
    return OPENSSL_init_ssl(options, NULL) == 1 ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_the_newest_error_is_taken_with_all_others),
        UNIT_TEST(test_a_system_error_is_taken_last),
        UNIT_TEST(test_no_error_is_tls_all_the_same),
        UNIT_TEST(test_out_of_memory),
        UNIT_TEST(test_the_queue_is_cleared),
        UNIT_TEST(test_libraries),
        UNIT_TEST(test_errors_of_system_calls),
        UNIT_TEST(test_names_of_reasons),
        UNIT_TEST(test_names_of_alerts),
        UNIT_TEST(test_names_that_are_not_known),
        UNIT_TEST(test_names_fit),
    };

    return cmocka_run_group_tests(tests, load_reasons, NULL);
}
