#include <string.h>

#include "core/proto/reply.h"
#include "support.h"

#define MOST_SPANS 8

/* Which ends a server that stuffs dots after CRLF only can't have let a
   message hold. */
static const struct {
    const char *bytes;
    bool is_certain;
} ends[] = {
    {"+OK\r\n.\r\n", true},
    {"+OK\r\na\r\n.\r\n", true},
    {"+OK\r\na\r\r\n.\r\n", true},
    {"+OK\r\na\n\r\n.\r\n", true},
    {"+OK\r\na\n.\r\n", false},
    {"+OK\r\n\n.\r\n", false},
    {"+OK\r\na\r\n.\n", false},
    {"+OK\r\n.\n", false},
    {"+OK\r\na\n.\n", false},
    {"+OK\r\na\n\r.\n", false},
    {"+OK\r\na\r\n\r.\n", false},
    {"+OK\na\n.\n", true},
    {"+OK\na\n.\r\n", true},
    {"+OK\n\ra\n\r.\n", true},
    {"-ERR\n", true},
};

/* Reads a reply, of which `first` octets come alone. */
static void
read_end(const char *bytes, enum pop_reply_form form, size_t first,
         struct pop_reply *reply)
{
    struct pop_span spans[MOST_SPANS];
    struct pop_batch batch = {spans, MOST_SPANS, 0, 0};
    size_t available = first;
    size_t taken = 0;

    pop_reply_begin(reply, form, POP_UNLIMITED_OCTETS, POP_UNLIMITED_OCTETS);
    while (reply->part != POP_REPLY_DONE) {
        enum pop_status status = pop_reply_scan(reply, bytes + taken,
                                                available - taken, &batch);

        if (status == POP_NEED_INPUT) {
            assert_true(available < strlen(bytes));
            available = strlen(bytes);
        }
        taken += batch.scanned;
        batch.count = 0;
        batch.scanned = 0;
    }
    assert_int_equal(taken, strlen(bytes));
}

static void
test_an_end_is_certain_or_not(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t first;

        for (first = 0; first <= strlen(ends[i].bytes); first++) {
            struct pop_reply reply;

            read_end(ends[i].bytes, POP_LINES, first, &reply);
            assert_int_equal(reply.is_certain, ends[i].is_certain);
            read_end(ends[i].bytes, POP_OCTETS, first, &reply);
            assert_int_equal(reply.is_certain, ends[i].is_certain);
        }
    }
}

static void
test_what_the_status_line_announces(void **state)
{
    static const struct {
        const char *bytes;
        long long announced;
        bool in_octets;
    } cases[] = {
        {"+OK\r\n.\r\n", -1, false},
        {"+OK 120 octets\r\n.\r\n", 120, true},
        {"+OK 120 Octets follow\r\n.\r\n", 120, true},
        {"+OK message 5 (120 octets)\r\n.\r\n", 120, true},
        {"+OK (7) of 9\r\n.\r\n", 7, false},
        {"+OK 120\r\n.\r\n", 120, false},
        {"+OK 120octets\r\n.\r\n", 120, false},
        {"+OK 9999999999999999999\r\n.\r\n", -1, false},
        {"+OK 9999999999999999999 octets of 5\r\n.\r\n", -1, false},
        {"+OK -3\r\n.\r\n", 3, false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pop_reply reply;

        read_end(cases[i].bytes, POP_LINES, 0, &reply);
        assert_int_equal(reply.announced, cases[i].announced);
        assert_int_equal(reply.in_octets, cases[i].in_octets);
    }
}

static void
test_an_uncertain_end_can_be_a_line(void **state)
{
    static const char bytes[] = "+OK\r\na\n.\nb\r\n.\r\n";
    static const enum pop_reply_form forms[] = {POP_LINES, POP_OCTETS};
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct pop_span spans[MOST_SPANS];
        struct pop_batch batch = {spans, MOST_SPANS, 0, 0};
        const char *lines = bytes + 5;
        size_t length = sizeof(bytes) - 1 - 5;
        struct pop_reply reply;

        pop_reply_begin(&reply, forms[i], POP_UNLIMITED_OCTETS,
                        POP_UNLIMITED_OCTETS);
        assert_int_equal(pop_reply_scan(&reply, bytes, 5, &batch), POP_OK);
        batch.count = 0;
        batch.scanned = 0;
        reply.size_limit = 7;
        assert_int_equal(pop_reply_scan(&reply, lines, length, &batch),
                         POP_OK);
        assert_int_equal(reply.part, POP_REPLY_DONE);
        assert_false(reply.is_certain);
        assert_int_equal(pop_reply_go_on(&reply, lines, &batch), POP_OK);
        assert_int_equal(pop_reply_scan(&reply, lines, length, &batch),
                         POP_OK);
        assert_int_equal(reply.part, POP_REPLY_DONE);
        assert_true(reply.is_certain);
        assert_int_equal(reply.octets, 7);
        assert_int_equal(batch.scanned, length);
        assert_int_equal(batch.count, forms[i] == POP_LINES ? 3 : 1);
    }
}

static void
test_an_uncertain_end_can_be_one_line_too_much(void **state)
{
    static const char bytes[] = "a\n.\nb\r\n.\r\n";
    struct pop_span spans[MOST_SPANS];
    struct pop_batch batch = {spans, MOST_SPANS, 0, 0};
    struct pop_reply reply;

    (void)state;
    pop_reply_begin_lines(&reply, POP_UNLIMITED_OCTETS);
    reply.size_limit = 3;
    assert_int_equal(pop_reply_scan(&reply, bytes, sizeof(bytes) - 1, &batch),
                     POP_OK);
    assert_int_equal(pop_reply_go_on(&reply, bytes, &batch), POP_TOO_MUCH);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_an_end_is_certain_or_not),
        UNIT_TEST(test_what_the_status_line_announces),
        UNIT_TEST(test_an_uncertain_end_can_be_a_line),
        UNIT_TEST(test_an_uncertain_end_can_be_one_line_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
