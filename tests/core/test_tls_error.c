#include "core/tls/tls_error.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

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
test_parts(void **state)
{
    unsigned long code = code_of(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);

    (void)state;
    assert_int_equal(pop_tls_error_library(code), 20);
    assert_int_equal(pop_tls_error_number(code), SSL_R_WRONG_VERSION_NUMBER);
    assert_string_equal(pop_tls_error_reason(code), "wrong version number");
    code = code_of(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
    assert_int_equal(pop_tls_error_number(code), 0);
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
        UNIT_TEST(test_a_system_error_is_taken_last),
        UNIT_TEST(test_no_error_is_tls_all_the_same),
        UNIT_TEST(test_out_of_memory),
        UNIT_TEST(test_the_queue_is_cleared),
        UNIT_TEST(test_parts),
    };

    return cmocka_run_group_tests(tests, load_reasons, NULL);
}
