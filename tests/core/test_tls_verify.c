#include "core/tls/tls_verify.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>

#include "tls_pair.h"

/* What is told of the names of a certificate that is not the host's. */
static void
assert_told(const struct tls_setup *setup, const char *names)
{
    struct tls_pair self;
    char text[256];

    open_tls(&self, setup);
    assert_int_equal(shake_hands(&self), POP_TLS);
    (void)snprintf(text, sizeof(text),
                   "Hostname mismatch, certificate is not valid for '%s', "
                   "but for: %s",
                   HOST, names);
    assert_int_equal(self.error.verify, X509_V_ERR_HOSTNAME_MISMATCH);
    assert_string_equal(self.error.text, text);
    close_tls(&self);
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
        const struct tls_setup setup = {.verify = true,
                                        .odd_name = odd[i].bytes,
                                        .odd_length = odd[i].length};

        assert_told(&setup, "mail.example.org");
    }
}

static void
test_addresses_are_told(void **state)
{
    const struct tls_setup v4 = {.verify = true, .address = "10.0.0.1"};
    const struct tls_setup v6 = {.verify = true, .address = "::1"};

    (void)state;
    assert_told(&v4, "mail.example.org, 10.0.0.1");
    assert_told(&v6, "mail.example.org, ::1");
}

/* The subject's common name is none. */
static void
test_a_certificate_without_names(void **state)
{
    const struct tls_setup setup = {.verify = true, .is_nameless = true};

    (void)state;
    assert_told(&setup, "no name");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_odd_names_are_not_told),
        UNIT_TEST(test_addresses_are_told),
        UNIT_TEST(test_a_certificate_without_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
