#include "core/proto/reply.h"

#include <stdlib.h>
#include <string.h>

#include "replies.h"
#include "support.h"

#define MOST_SPANS 8

/* How a batch is handled. */
struct taking {
    size_t spans; /* its capacity */
    bool early;   /* taken also when more input is needed */
};

/* Where a piece of input lies.  Both kinds fault on one byte over the end:
   by the page, or by the sanitizer, which is cheaper. */
enum placement {
    AT_PAGE_END,
    ON_THE_HEAP
};

static enum pop_status
scan_copy(struct pop_reply *reply, const char *bytes, size_t length,
          struct pop_batch *batch, enum placement placement,
          const struct taking *taking, struct transcript *transcript)
{
    struct support_page page;
    char *block = NULL;
    const char *copy;
    enum pop_status status;

    if (placement == AT_PAGE_END) {
        page = support_page_new(bytes, length);
        copy = page.bytes;
    }
    else {
        block = malloc(length);
        assert_true(block != NULL || length == 0);
        if (length > 0) {
            memcpy(block, bytes, length);
        }
        copy = block;
    }
    status = pop_reply_scan(reply, copy, length, batch);
    if (status == POP_OK || (status == POP_NEED_INPUT && taking->early)) {
        transcript_add(transcript, copy, batch);
        batch->count = 0;
        batch->scanned = 0;
    }
    free(block);
    if (placement == AT_PAGE_END) {
        support_page_free(&page);
    }
    return status;
}

/* Reads a reply piece by piece, every piece at an address of its own. */
static void
read_reply(struct pop_reply *reply, const char *bytes, size_t length,
           const struct feeding *feeding, enum placement placement,
           const struct taking *taking, struct transcript *transcript)
{
    struct pop_span spans[MOST_SPANS];
    struct pop_batch batch = {spans, taking->spans, 0, 0};
    size_t available = feeding->first < length ? feeding->first : length;

    memset(transcript, 0, sizeof(*transcript));
    do {
        size_t start = transcript->consumed;

        transcript->status = scan_copy(reply, bytes + start, available - start,
                                       &batch, placement, taking, transcript);
        if (transcript->status == POP_NEED_INPUT) {
            if (available == length) {
                break;
            }
            available += feeding->step < length - available
                             ? feeding->step
                             : length - available;
        }
    } while (transcript->status != POP_TOO_LONG &&
             reply->part != POP_REPLY_DONE);
    transcript_add(transcript, bytes + transcript->consumed, &batch);
    transcript->octets = reply->octets;
}

static const struct taking takings[] = {
    {1, false}, {1, true}, {2, false}, {MOST_SPANS, false}, {MOST_SPANS, true},
};

static void
check_sample(const struct sample *sample, const struct feeding *feeding)
{
    size_t i;

    for (i = 0; i < COUNT_OF(takings); i++) {
        struct transcript transcript;
        struct pop_reply reply;

        pop_reply_begin(&reply, sample->multiline ? POP_LINES : POP_NO_LINES,
                        POP_UNLIMITED_OCTETS, POP_UNLIMITED_OCTETS);
        read_reply(&reply, sample->bytes, sample->length, feeding, AT_PAGE_END,
                   &takings[i], &transcript);
        transcript_compare(&transcript, &sample->expected, feeding);
    }
}

static void
test_replies_cut_anywhere(void **state)
{
    (void)state;
    feed_all_samples(check_sample);
}

/* poplib's _getlongresp() behind the status line, over bytes in memory. */
static void
read_naively(const char *bytes, size_t length, struct transcript *transcript)
{
    const char *unread = bytes;
    const char *lf;

    memset(transcript, 0, sizeof(*transcript));
    transcript->status = POP_NEED_INPUT;
    while ((lf = memchr(unread, '\n', length - transcript->consumed))) {
        const char *line = unread;
        size_t octets = (size_t)(lf - line) + 1;
        size_t end = octets - 1;

        unread = lf + 1;
        transcript->consumed += octets;
        if (end > 0 && line[end - 1] == '\r') {
            end--;
        }
        else if (line[0] == '\r') {
            line++;
            end--;
        }
        if (end == 1 && line[0] == '.') {
            transcript->status = POP_OK;
            return;
        }
        if (end >= 2 && line[0] == '.' && line[1] == '.') {
            line++;
            end--;
            octets--;
        }
        transcript->octets += octets;
        memcpy(transcript->text + transcript->length, line, end);
        transcript->text[transcript->length + end] = '\n';
        transcript->length += end + 1;
    }
}

static void
check_against_naive(const char *bytes, size_t length)
{
    static const struct taking taking = {MOST_SPANS, false};
    struct feeding feeding = {0, length};
    struct transcript expected;

    read_naively(bytes, length, &expected);
    for (; feeding.first <= length; feeding.first++) {
        struct transcript transcript;
        struct pop_reply reply;

        begin_lines(&reply, POP_UNLIMITED_OCTETS);
        read_reply(&reply, bytes, length, &feeding, ON_THE_HEAP, &taking,
                   &transcript);
        transcript_compare(&transcript, &expected, &feeding);
    }
}

/* All strings of up to six of the bytes that matter, cut anywhere. */
static void
test_all_short_inputs_are_read_as_poplib_does(void **state)
{
    (void)state;
    feed_all_short_inputs(check_against_naive);
}

static enum pop_status
read_with_limits(const char *bytes, size_t length, size_t status_limit,
                 size_t line_limit, const struct feeding *feeding)
{
    static const struct taking taking = {1, false};
    struct transcript transcript;
    struct pop_reply reply;

    pop_reply_begin(&reply, POP_LINES, status_limit, line_limit);
    read_reply(&reply, bytes, length, feeding, ON_THE_HEAP, &taking,
               &transcript);
    return transcript.status;
}

static void
test_limits_are_exact_wherever_the_input_is_cut(void **state)
{
    static const char bytes[] = "+OK\r\na\r\n12345\r\n1234\n.\r\n";
    size_t length = sizeof(bytes) - 1;
    struct feeding feeding = {0, length};

    (void)state;
    for (; feeding.first <= length; feeding.first++) {
        assert_int_equal(read_with_limits(bytes, length, 5, 7, &feeding),
                         POP_OK);
        assert_int_equal(read_with_limits(bytes, length, 4, 7, &feeding),
                         POP_TOO_LONG);
        assert_int_equal(read_with_limits(bytes, length, 5, 6, &feeding),
                         POP_TOO_LONG);
    }
    feeding.first = feeding.step = 1;
    assert_int_equal(read_with_limits(bytes, length, 5, 7, &feeding), POP_OK);
    assert_int_equal(read_with_limits(bytes, length, 4, 7, &feeding),
                     POP_TOO_LONG);
    assert_int_equal(read_with_limits(bytes, length, 5, 6, &feeding),
                     POP_TOO_LONG);
}

/* A peer that never ends a line is found out at the first octet too many. */
static void
test_a_line_without_end_is_too_long(void **state)
{
    static const char bytes[] = "+OK\r\n12345678";
    struct pop_span span;
    struct pop_batch batch = {&span, 1, 0, 0};
    struct pop_reply reply;

    (void)state;
    pop_reply_begin(&reply, POP_LINES, 2, 7);
    assert_int_equal(pop_reply_scan(&reply, bytes, 2, &batch), POP_NEED_INPUT);
    assert_int_equal(pop_reply_scan(&reply, bytes, 3, &batch), POP_TOO_LONG);

    begin_lines(&reply, 7);
    assert_int_equal(pop_reply_scan(&reply, bytes + 5, 7, &batch),
                     POP_NEED_INPUT);
    assert_int_equal(pop_reply_scan(&reply, bytes + 5, 8, &batch),
                     POP_TOO_LONG);
}

/* The status line decides what to do with the rest, so it comes alone. */
static void
test_status_line_is_a_batch_of_its_own(void **state)
{
    static const char bytes[] = "+OK\r\na\r\n.\r\n";
    struct pop_span spans[MOST_SPANS];
    struct pop_batch batch = {spans, MOST_SPANS, 0, 0};
    struct pop_reply reply;

    (void)state;
    pop_reply_begin(&reply, POP_LINES, POP_UNLIMITED_OCTETS,
                    POP_UNLIMITED_OCTETS);
    assert_int_equal(pop_reply_scan(&reply, bytes, 11, &batch), POP_OK);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.scanned, 5);
    assert_int_equal(reply.part, POP_REPLY_LINES);
    batch.count = batch.scanned = 0;
    assert_int_equal(pop_reply_scan(&reply, bytes + 5, 6, &batch), POP_OK);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.scanned, 6);
    assert_int_equal(reply.part, POP_REPLY_DONE);
}

/* The terminator and stuffed dots do not count. */
static void
test_the_size_of_all_lines(void **state)
{
    static const char bytes[] = "..a\nbc\n.\n";
    static const struct {
        size_t limit;
        enum pop_status status;
    } cases[] = {
        {7, POP_OK}, {6, POP_OK}, {5, POP_TOO_MUCH}, {3, POP_TOO_MUCH}};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(cases); i++) {
        struct pop_span spans[MOST_SPANS];
        struct pop_batch batch = {spans, MOST_SPANS, 0, 0};
        struct pop_reply reply;

        begin_lines(&reply, POP_UNLIMITED_OCTETS);
        reply.size_limit = cases[i].limit;
        assert_int_equal(pop_reply_scan(&reply, bytes, 9, &batch),
                         cases[i].status);
        begin_lines(&reply, cases[i].limit - 1);
        reply.size_limit = POP_UNLIMITED_OCTETS;
        batch.count = batch.scanned = 0;
        assert_int_not_equal(pop_reply_scan(&reply, bytes, 9, &batch),
                             POP_TOO_MUCH);
    }
}

/* The line that never ends is told as what it is. */
static void
test_a_line_over_the_size_of_all_lines(void **state)
{
    struct pop_span spans[MOST_SPANS];
    struct pop_batch batch = {spans, MOST_SPANS, 0, 0};
    struct pop_reply reply;

    (void)state;
    begin_lines(&reply, 7);
    reply.size_limit = 3;
    assert_int_equal(pop_reply_scan(&reply, "abcdefg", 7, &batch),
                     POP_TOO_MUCH);
    begin_lines(&reply, 3);
    reply.size_limit = 3;
    assert_int_equal(pop_reply_scan(&reply, "abcd", 4, &batch), POP_TOO_LONG);
}

/* Neither the dot nor the terminator counts, also where they come first. */
static void
test_a_line_as_long_as_all_lines_may_be(void **state)
{
    static const struct {
        const char *bytes;
        size_t limit;
    } cases[] = {{".\r\n", 1},
                 {".\n", 1},
                 {"..abc\r\n.\r\n", 6},
                 {"..\n.\r\n", 2},
                 {"a\n.\r\n", 2}};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(cases); i++) {
        struct pop_span spans[MOST_SPANS];
        struct pop_batch batch = {spans, MOST_SPANS, 0, 0};
        struct pop_reply reply;

        begin_lines(&reply, POP_UNLIMITED_OCTETS);
        reply.size_limit = cases[i].limit;
        assert_int_equal(pop_reply_scan(&reply, cases[i].bytes,
                                        strlen(cases[i].bytes), &batch),
                         POP_OK);
        assert_int_equal(reply.part, POP_REPLY_DONE);
    }
}

/* What is dropped need not be kept until its line is complete. */
static void
test_a_line_that_is_dropped_in_pieces(void **state)
{
    struct pop_span spans[MOST_SPANS];
    struct pop_batch batch = {spans, MOST_SPANS, 0, 0};
    struct pop_reply reply;
    size_t length = (size_t)1024 * 1024;
    char *bytes = malloc(length);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', length);
    begin_lines(&reply, POP_UNLIMITED_OCTETS);
    reply.size_limit = 5;
    assert_int_equal(pop_reply_scan(&reply, bytes, length, &batch),
                     POP_TOO_MUCH);
    assert_int_equal(batch.scanned, 0);
    pop_reply_drop(&reply);
    assert_int_equal(pop_reply_scan(&reply, bytes, length, &batch),
                     POP_NEED_INPUT);
    assert_int_equal(batch.scanned, length);
    batch.count = batch.scanned = 0;
    assert_int_equal(pop_reply_scan(&reply, ".\r\n.\r\n", 6, &batch), POP_OK);
    assert_int_equal(batch.scanned, 6);
    assert_int_equal(reply.part, POP_REPLY_DONE);
    free(bytes);
}

static void
test_a_full_batch_is_handed_out(void **state)
{
    static const char bytes[] = "a\nb\nc\n.\n";
    struct pop_span spans[2];
    struct pop_batch batch = {spans, 2, 0, 0};
    struct pop_reply reply;

    (void)state;
    begin_lines(&reply, POP_UNLIMITED_OCTETS);
    assert_int_equal(pop_reply_scan(&reply, bytes, 8, &batch), POP_OK);
    assert_int_equal(batch.count, 2);
    assert_int_equal(batch.scanned, 4);
    assert_int_equal(reply.part, POP_REPLY_LINES);
    assert_int_equal(pop_reply_scan(&reply, bytes, 8, &batch), POP_OK);
    assert_int_equal(batch.count, 2);
    batch.count = batch.scanned = 0;
    assert_int_equal(pop_reply_scan(&reply, bytes + 4, 4, &batch), POP_OK);
    assert_int_equal(batch.count, 1);
    assert_int_equal(reply.part, POP_REPLY_DONE);
}

static void
test_a_finished_reply_takes_no_more(void **state)
{
    struct pop_span span;
    struct pop_batch batch = {&span, 1, 0, 0};
    struct pop_reply reply;

    (void)state;
    pop_reply_begin(&reply, POP_NO_LINES, POP_UNLIMITED_OCTETS,
                    POP_UNLIMITED_OCTETS);
    assert_int_equal(pop_reply_scan(&reply, "+OK\n", 4, &batch), POP_OK);
    assert_int_equal(reply.part, POP_REPLY_DONE);
    batch.count = batch.scanned = 0;
    assert_int_equal(pop_reply_scan(&reply, "+OK\n", 4, &batch), POP_OK);
    assert_int_equal(batch.count, 0);
    assert_int_equal(batch.scanned, 0);
}

/* What is whole is what a scan finds the end of: so it is for any length of
   the samples. */
static void
test_a_whole_reply_is_known_by_its_end(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sample_count; i++) {
        const struct sample *sample = &samples[i];
        enum pop_reply_form form = sample->multiline ? POP_LINES
                                                     : POP_NO_LINES;
        size_t length;

        for (length = 0; length <= sample->length; length++) {
            struct pop_span spans[64];
            struct pop_batch batch = {spans, 64, 0, 0};
            struct pop_reply reply;
            size_t used = 0;
            enum pop_status status;

            pop_reply_begin(&reply, form, POP_UNLIMITED_OCTETS,
                            POP_UNLIMITED_OCTETS);
            do {
                used += batch.scanned;
                batch.count = batch.scanned = 0;
                status = pop_reply_scan(&reply, sample->bytes + used,
                                        length - used, &batch);
            } while (status == POP_OK && reply.part != POP_REPLY_DONE);
            assert_int_equal(pop_reply_is_whole(form, sample->bytes, length),
                             status == POP_OK);
        }
    }
}

static void
test_what_is_behind_the_last_end(void **state)
{
    static const struct {
        const char *bytes;
        size_t behind;
    } cases[] = {
        {"", 0},
        {"\r\n.\r", 4},
        {"\r\n.\r\n", 0},
        {"a\n.\r\n", 5},
        {"+OK\r\na\r\n.\r\n", 0},
        {"+OK\r\na\r\n.\r\n+OK\r\n..\r\n", 9},
        {"+OK\na\n.\n", 8},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            pop_reply_after_end(cases[i].bytes, strlen(cases[i].bytes)),
            cases[i].behind);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_replies_cut_anywhere),
        UNIT_TEST(test_all_short_inputs_are_read_as_poplib_does),
        UNIT_TEST(test_limits_are_exact_wherever_the_input_is_cut),
        UNIT_TEST(test_a_line_without_end_is_too_long),
        UNIT_TEST(test_status_line_is_a_batch_of_its_own),
        UNIT_TEST(test_the_size_of_all_lines),
        UNIT_TEST(test_a_line_over_the_size_of_all_lines),
        UNIT_TEST(test_a_line_as_long_as_all_lines_may_be),
        UNIT_TEST(test_a_line_that_is_dropped_in_pieces),
        UNIT_TEST(test_a_full_batch_is_handed_out),
        UNIT_TEST(test_a_finished_reply_takes_no_more),
        UNIT_TEST(test_a_whole_reply_is_known_by_its_end),
        UNIT_TEST(test_what_is_behind_the_last_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
