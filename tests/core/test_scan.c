#include "core/proto/scan.h"

#include <string.h>

#include "support.h"

#define LITERAL(text) (text), sizeof(text) - 1

/* One scan of bytes that end at an unreadable page. */
static enum pop_status
scan(const char *bytes, size_t length, size_t limit, size_t *searched,
     size_t *octets)
{
    struct support_page page = support_page_new(bytes, length);
    enum pop_status status;

    status = pop_scan_line(page.bytes, length, limit, searched, octets);
    support_page_free(&page);
    return status;
}

static void
test_line_ends_in_lf(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        size_t octets;
    } cases[] = {
        {LITERAL("\n"), 1},
        {LITERAL("\r\n"), 2},
        {LITERAL("+OK\r\n"), 5},
        {LITERAL("+OK\n"), 4},
        {LITERAL("+OK\r\n-ERR\r\n"), 5},
        {LITERAL("a\rb\r\r\nc\n"), 6},
        {LITERAL("\0\xff\n"), 3},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(cases); i++) {
        size_t searched = 0;
        size_t octets = 0;

        assert_int_equal(scan(cases[i].bytes, cases[i].length,
                              POP_UNLIMITED_OCTETS, &searched, &octets),
                         POP_OK);
        assert_int_equal(octets, cases[i].octets);
        assert_int_equal(searched, 0);
    }
}

static void
test_line_without_lf_needs_input(void **state)
{
    static const char line[] = "+OK\r";
    size_t searched = 0;
    size_t octets;
    size_t length;

    (void)state;
    for (length = 0; length < sizeof(line); length++) {
        assert_int_equal(
            scan(line, length, POP_UNLIMITED_OCTETS, &searched, &octets),
            POP_NEED_INPUT);
        assert_int_equal(searched, length);
    }
    assert_int_equal(
        scan(LITERAL("+OK\r\n"), POP_UNLIMITED_OCTETS, &searched, &octets),
        POP_OK);
    assert_int_equal(octets, 5);
    assert_int_equal(searched, 0);
}

/* An LF in bytes that are known to hold none stays unseen. */
static void
test_bytes_are_searched_once(void **state)
{
    size_t searched = 2;
    size_t octets;

    (void)state;
    assert_int_equal(
        scan(LITERAL("a\nb"), POP_UNLIMITED_OCTETS, &searched, &octets),
        POP_NEED_INPUT);
    assert_int_equal(searched, 3);
    assert_int_equal(
        scan(LITERAL("a\nbc\n"), POP_UNLIMITED_OCTETS, &searched, &octets),
        POP_OK);
    assert_int_equal(octets, 5);
}

static void
test_limit_is_exact(void **state)
{
    size_t searched = 0;
    size_t octets = 0;

    (void)state;
    assert_int_equal(scan(LITERAL("12345\r\n"), 7, &searched, &octets),
                     POP_OK);
    assert_int_equal(octets, 7);
    assert_int_equal(scan(LITERAL("12345\r\n"), 6, &searched, &octets),
                     POP_TOO_LONG);
    searched = 0;
    assert_int_equal(scan(LITERAL("123456\n"), 7, &searched, &octets), POP_OK);
    assert_int_equal(scan(LITERAL("1234567\n"), 7, &searched, &octets),
                     POP_TOO_LONG);
    searched = 0;
    assert_int_equal(scan(LITERAL("\n"), 1, &searched, &octets), POP_OK);
    assert_int_equal(scan(LITERAL("\n"), 0, &searched, &octets), POP_TOO_LONG);
}

static void
test_limit_needs_no_line_end(void **state)
{
    size_t searched = 0;
    size_t octets;

    (void)state;
    assert_int_equal(scan(LITERAL("1234567"), 7, &searched, &octets),
                     POP_NEED_INPUT);
    assert_int_equal(scan(LITERAL("12345678"), 7, &searched, &octets),
                     POP_TOO_LONG);
}

static void
test_limit_counts_the_first_line_only(void **state)
{
    size_t searched = 0;
    size_t octets;

    (void)state;
    assert_int_equal(scan(LITERAL("ab\nmuch longer\n"), 3, &searched, &octets),
                     POP_OK);
    assert_int_equal(octets, 3);
}

static void
test_line_end_is_stripped_as_poplib_does(void **state)
{
    static const struct {
        const char *line;
        const char *text;
    } cases[] = {
        {"\n", ""},         {"\r\n", ""},       {"a\r\n", "a"},
        {"a\n", "a"},       {"\ra\n", "a"},     {"\ra\r\n", "\ra"},
        {"a\r\r\n", "a\r"}, {"\r\r\n", "\r"},   {"a\rb\n", "a\rb"},
        {"\r\ra\n", "\ra"}, {" a \r\n", " a "},
    };
    size_t i;
    size_t offset;

    (void)state;
    for (i = 0; i < COUNT_OF(cases); i++) {
        for (offset = 0; offset < 3; offset++) {
            size_t octets = strlen(cases[i].line);
            char bytes[16] = "\r\r";
            struct support_page page;
            struct pop_span text;

            memcpy(bytes + offset, cases[i].line, octets);
            page = support_page_new(bytes, offset + octets);
            text = pop_scan_strip(page.bytes, offset, octets);
            assert_int_equal(text.length, strlen(cases[i].text));
            assert_memory_equal(page.bytes + text.offset, cases[i].text,
                                text.length);
            support_page_free(&page);
        }
    }
}

static struct pop_span
whole(const char *text)
{
    struct pop_span span = {0, strlen(text)};

    return span;
}

static void
test_terminator_is_a_lone_dot(void **state)
{
    struct pop_span second = {1, 1};

    (void)state;
    assert_true(pop_scan_is_terminator(".", whole(".")));
    assert_true(pop_scan_is_terminator("x.", second));
    assert_false(pop_scan_is_terminator("", whole("")));
    assert_false(pop_scan_is_terminator("x", whole("x")));
    assert_false(pop_scan_is_terminator("..", whole("..")));
    assert_false(pop_scan_is_terminator(". ", whole(". ")));
    assert_false(pop_scan_is_terminator(".\r", whole(".\r")));
}

static void
test_one_of_two_leading_dots_goes(void **state)
{
    static const struct {
        const char *line;
        bool stuffed;
    } cases[] = {
        {"", false},    {".", false},   {"..", true},
        {"...", true},  {"..a", true},  {".a", false},
        {"a..", false}, {". .", false}, {"\r..", false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(cases); i++) {
        struct support_page page = support_page_new(cases[i].line,
                                                    strlen(cases[i].line));
        struct pop_span text = whole(cases[i].line);

        assert_int_equal(pop_scan_unstuff(page.bytes, &text),
                         cases[i].stuffed);
        assert_int_equal(text.offset, cases[i].stuffed ? 1 : 0);
        assert_int_equal(text.offset + text.length, strlen(cases[i].line));
        support_page_free(&page);
    }
}

static void
test_number_at_the_front(void **state)
{
    static const struct {
        const char *bytes;
        long long number;
        size_t digits;
    } cases[] = {
        {"", -1, 0},
        {"x1", -1, 0},
        {"-1", -1, 0},
        {" 1", -1, 0},
        {"0", 0, 1},
        {"007 x", 7, 3},
        {"120\r\n", 120, 3},
        {"999999999999999999", 999999999999999999LL, 18},
        {"9999999999999999999", -1, 0},
        {"999999999999999999999999999999 1", -1, 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(cases); i++) {
        size_t length = strlen(cases[i].bytes);
        struct support_page page = support_page_new(cases[i].bytes, length);
        size_t digits;

        assert_true(pop_scan_number(page.bytes, length, &digits) ==
                    cases[i].number);
        assert_int_equal(digits, cases[i].digits);
        support_page_free(&page);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_line_ends_in_lf),
        UNIT_TEST(test_line_without_lf_needs_input),
        UNIT_TEST(test_bytes_are_searched_once),
        UNIT_TEST(test_limit_is_exact),
        UNIT_TEST(test_limit_needs_no_line_end),
        UNIT_TEST(test_limit_counts_the_first_line_only),
        UNIT_TEST(test_line_end_is_stripped_as_poplib_does),
        UNIT_TEST(test_terminator_is_a_lone_dot),
        UNIT_TEST(test_one_of_two_leading_dots_goes),
        UNIT_TEST(test_number_at_the_front),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
