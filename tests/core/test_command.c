#include "core/proto/command.h"

#include <string.h>

#include "support.h"

static void
test_verbs(void **state)
{
    static const struct {
        enum pop_verb verb;
        struct pop_command command;
    } cases[] = {
        {POP_VERB_APOP, {"APOP", false, false}},
        {POP_VERB_CAPA, {"CAPA", true, true}},
        {POP_VERB_DELE, {"DELE", false, false}},
        {POP_VERB_LANG, {"LANG", true, false}},
        {POP_VERB_LIST, {"LIST", true, false}},
        {POP_VERB_NOOP, {"NOOP", false, false}},
        {POP_VERB_PASS, {"PASS", false, false}},
        {POP_VERB_QUIT, {"QUIT", false, false}},
        {POP_VERB_RETR, {"RETR", true, true}},
        {POP_VERB_RPOP, {"RPOP", false, false}},
        {POP_VERB_RSET, {"RSET", false, false}},
        {POP_VERB_STAT, {"STAT", false, false}},
        {POP_VERB_TOP, {"TOP", true, true}},
        {POP_VERB_UIDL, {"UIDL", true, false}},
        {POP_VERB_USER, {"USER", false, false}},
        {POP_VERB_UTF8, {"UTF8", false, false}},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(cases); i++) {
        const struct pop_command *command = pop_command(cases[i].verb);
        const struct pop_command *expected = &cases[i].command;

        assert_string_equal(command->name, expected->name);
        assert_int_equal(command->multiline, expected->multiline);
        assert_int_equal(command->multiline_with_argument,
                         expected->multiline_with_argument);
    }
}

/* Whatever is added to the table later has a name of the form that RFC 1939,
   section 3, gives to keywords: three or four characters, upper case. */
static void
test_every_verb_has_a_name(void **state)
{
    int verb;

    (void)state;
    for (verb = 0; verb < POP_VERB_COUNT; verb++) {
        const char *name = pop_command((enum pop_verb)verb)->name;

        assert_non_null(name);
        assert_uint_in_range(strlen(name), 3, 4);
        assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
                         strlen(name));
    }
}

static void
test_control_characters_are_found_anywhere(void **state)
{
    int c;
    size_t position;

    (void)state;
    for (c = 0; c <= 255; c++) {
        bool control = c < 32 || c == 127;

        for (position = 0; position < 4; position++) {
            char line[4] = {'L', 'I', 'S', 'T'};
            struct support_page page;

            line[position] = (char)c;
            page = support_page_new(line, sizeof(line));
            assert_int_equal(pop_command_check(page.bytes, sizeof(line)),
                             control ? POP_CONTROL : POP_OK);
            support_page_free(&page);
        }
    }
    assert_int_equal(pop_command_check("", 0), POP_OK);
}

static void
test_lines_are_added_with_crlf(void **state)
{
    static const char expected[] = "USER a\r\n\r\nPASS \xc3\xa9\r\n";
    struct pop_buffer out;

    (void)state;
    pop_buffer_init(&out, POP_BUFFER_NO_CAP);
    assert_int_equal(pop_command_append(&out, "USER a", 6), POP_OK);
    assert_int_equal(pop_command_append(&out, "", 0), POP_OK);
    assert_int_equal(pop_command_append(&out, "PASS \xc3\xa9", 7), POP_OK);
    assert_int_equal(pop_buffer_length(&out), sizeof(expected) - 1);
    assert_memory_equal(pop_buffer_bytes(&out), expected,
                        sizeof(expected) - 1);
    pop_buffer_release(&out);
}

static void
test_a_line_is_added_whole_or_not_at_all(void **state)
{
    struct pop_buffer out;

    (void)state;
    pop_buffer_init(&out, 12);
    assert_int_equal(pop_command_append(&out, "NOOP", 4), POP_OK);
    assert_int_equal(pop_command_append(&out, "NOOP ", 5), POP_TOO_LONG);
    assert_int_equal(pop_buffer_length(&out), 6);
    assert_int_equal(pop_command_append(&out, "STAT", 4), POP_OK);
    assert_memory_equal(pop_buffer_bytes(&out), "NOOP\r\nSTAT\r\n", 12);
    pop_buffer_release(&out);
}

static void
test_a_line_of_any_length_is_refused_before_it_is_read(void **state)
{
    static const size_t lengths[] = {SIZE_MAX, SIZE_MAX - 1, POP_BUFFER_NO_CAP,
                                     POP_BUFFER_NO_CAP - 1};
    struct pop_buffer out;
    size_t i;

    (void)state;
    pop_buffer_init(&out, POP_BUFFER_NO_CAP);
    for (i = 0; i < COUNT_OF(lengths); i++) {
        assert_int_equal(pop_command_append(&out, "", lengths[i]),
                         POP_TOO_LONG);
    }
    assert_int_equal(pop_buffer_length(&out), 0);
}

static void
test_a_failed_allocation_adds_nothing(void **state)
{
    struct pop_buffer out;

    (void)state;
    pop_buffer_init(&out, POP_BUFFER_NO_CAP);
    assert_int_equal(pop_command_append(&out, "NOOP", 4), POP_OK);
    support_fail_allocation(0);
    assert_int_equal(pop_command_append(&out, "STAT", 4), POP_NO_MEMORY);
    assert_true(support_stop_failing());
    assert_int_equal(pop_buffer_length(&out), 6);
    assert_int_equal(pop_command_append(&out, "LIST", 4), POP_OK);
    assert_memory_equal(pop_buffer_bytes(&out), "NOOP\r\nLIST\r\n", 12);
    pop_buffer_release(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_verbs),
        UNIT_TEST(test_every_verb_has_a_name),
        UNIT_TEST(test_control_characters_are_found_anywhere),
        UNIT_TEST(test_lines_are_added_with_crlf),
        UNIT_TEST(test_a_line_is_added_whole_or_not_at_all),
        UNIT_TEST(test_a_line_of_any_length_is_refused_before_it_is_read),
        UNIT_TEST(test_a_failed_allocation_adds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
