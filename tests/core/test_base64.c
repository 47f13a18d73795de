#include "core/proto/base64.h"

#include <string.h>

#include "support.h"

/* The test vectors of RFC 4648, section 10, and the digits beyond them. */
static const struct {
    const char *data;
    const char *text;
} pairs[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\x01", "AQ=="},
    {"\xfb\xef\xbe", "++++"},
    {"\xff\xff\xff", "////"},
    {"\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l+"},
};

static void
test_encode(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(pairs); i++) {
        size_t length = strlen(pairs[i].data);
        struct support_page page = support_page_new(pairs[i].data, length);
        char text[16];

        assert_int_equal(pop_base64_encoded(length), strlen(pairs[i].text));
        pop_base64_encode(page.bytes, length, text);
        assert_memory_equal(text, pairs[i].text, strlen(pairs[i].text));
        support_page_free(&page);
    }
}

static void
test_decode(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(pairs); i++) {
        size_t length = strlen(pairs[i].text);
        struct support_page page = support_page_new(pairs[i].text, length);
        unsigned char data[16];
        size_t octets;

        assert_true(pop_base64_decode(page.bytes, length, data, &octets));
        assert_int_equal(octets, strlen(pairs[i].data));
        assert_in_range(octets, 0, pop_base64_decoded(length));
        assert_memory_equal(data, pairs[i].data, octets);
        support_page_free(&page);
    }
}

static void
test_malformed(void **state)
{
    static const char *const cases[] = {
        "=",        "==",     "===",   "====",      "A",
        "AA",       "AAA",    "A===",  "AA=A",      "AAA==",
        "Zg==Zg==", "Zm9v\n", "Zm 9v", "Zm9v    ",  "-_-_",
        "Zm9\x80",  "Zm9v=",  " Zm9",  "Zm9vYg=\r", "Zm9,",
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(cases); i++) {
        size_t length = strlen(cases[i]);
        struct support_page page = support_page_new(cases[i], length);
        unsigned char data[16];
        size_t octets = 1;

        assert_false(pop_base64_decode(page.bytes, length, data, &octets));
        assert_int_equal(octets, 0);
        support_page_free(&page);
    }
}

static void
test_every_octet(void **state)
{
    unsigned char data[256];
    unsigned char again[258]; /* pop_base64_decoded(344) */
    char text[344];
    size_t octets;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(data); i++) {
        data[i] = (unsigned char)i;
    }
    for (i = 0; i <= sizeof(data); i++) {
        pop_base64_encode(data, i, text);
        assert_true(
            pop_base64_decode(text, pop_base64_encoded(i), again, &octets));
        assert_int_equal(octets, i);
        assert_memory_equal(again, data, i);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_encode),
        UNIT_TEST(test_decode),
        UNIT_TEST(test_malformed),
        UNIT_TEST(test_every_octet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
