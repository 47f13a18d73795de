#include "core/proto/reply.h"

#include <stdlib.h>
#include <string.h>

#include "replies.h"
#include "support.h"

#define MOST_SPANS 8

struct received {
    char *octets;
    size_t length;
    size_t consumed;
    enum pop_status status;
};

/* Reads the lines piece by piece, and takes each batch at once. */
static void
read_octets(const char *bytes, size_t length, size_t first, size_t step,
            size_t capacity, struct received *received)
{
    struct pop_span spans[MOST_SPANS];
    struct pop_batch batch = {spans, capacity, 0, 0};
    struct pop_reply reply;
    size_t available = first < length ? first : length;

    received->octets = malloc(length + 1);
    assert_non_null(received->octets);
    received->length = 0;
    received->consumed = 0;
    pop_reply_begin(&reply, POP_OCTETS, 0, 0);
    reply.part = POP_REPLY_LINES;
    for (;;) {
        const char *unread = bytes + received->consumed;
        size_t i;

        received->status = pop_reply_scan(
            &reply, unread, available - received->consumed, &batch);
        for (i = 0; i < batch.count; i++) {
            memcpy(received->octets + received->length,
                   unread + spans[i].offset, spans[i].length);
            received->length += spans[i].length;
        }
        received->consumed += batch.scanned;
        batch.count = batch.scanned = 0;
        if (reply.part == POP_REPLY_DONE) {
            break;
        }
        if (received->status == POP_NEED_INPUT) {
            if (available == length) {
                break;
            }
            available += step < length - available ? step : length - available;
        }
    }
    assert_int_equal(reply.octets, received->length);
}

/* Checks a reply with the form POP_LINES against one with POP_OCTETS. */
static void
check_lines_agree(const char *bytes, size_t length,
                  const struct received *received)
{
    struct pop_span spans[MOST_SPANS];
    struct pop_batch batch = {spans, MOST_SPANS, 0, 0};
    struct pop_reply reply;

    begin_lines(&reply, POP_UNLIMITED_OCTETS);
    assert_int_equal(pop_reply_scan(&reply, bytes, length, &batch),
                     received->status);
    assert_int_equal(batch.scanned, received->consumed);
    assert_int_equal(reply.octets, received->length);
}

/* The rules of RFC 1939, section 3, and poplib's, once more. */
static void
read_naively(const char *bytes, size_t length, char *octets, size_t *count)
{
    const char *line = bytes;
    const char *lf;

    *count = 0;
    while ((lf = memchr(line, '\n', length - (size_t)(line - bytes)))) {
        const char *end = lf > line && lf[-1] == '\r' ? lf - 1 : lf;
        const char *start = end == lf && line[0] == '\r' ? line + 1 : line;
        const char *octet;

        if (end - start == 1 && start[0] == '.') {
            return;
        }
        for (octet = line; octet <= lf; octet++) {
            if (octet == start && end - start >= 2 && start[0] == '.' &&
                start[1] == '.') {
                continue;
            }
            octets[(*count)++] = *octet;
        }
        line = lf + 1;
    }
}

static void
check_cut_anywhere(const char *bytes, size_t length)
{
    static const size_t capacities[] = {2, 3, MOST_SPANS};
    char expected[16];
    size_t count;
    size_t cut;
    size_t i;

    read_naively(bytes, length, expected, &count);
    for (cut = 0; cut <= length; cut++) {
        for (i = 0; i < COUNT_OF(capacities); i++) {
            struct received received;

            read_octets(bytes, length, cut, length, capacities[i], &received);
            assert_int_equal(received.length, count);
            assert_memory_equal(received.octets, expected, count);
            check_lines_agree(bytes, length, &received);
            free(received.octets);
        }
    }
}

/* All strings of up to six of the bytes that matter. */
static void
test_all_short_inputs(void **state)
{
    (void)state;
    feed_all_short_inputs(check_cut_anywhere);
}

/* A line longer than any buffer is given out in pieces, and what looks like
   the end within it is not the end. */
static void
test_long_lines(void **state)
{
    static const size_t steps[] = {1000, 65536, 400000};
    static const char end[] = "\r\n..\r\n.\r\n";
    size_t length = 300000;
    char *bytes = malloc(length);
    size_t i;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, '.', length);
    memcpy(bytes + length - sizeof(end) + 1, end, sizeof(end) - 1);
    for (i = 0; i < COUNT_OF(steps); i++) {
        struct received received;

        read_octets(bytes, length, steps[i], steps[i], 2, &received);
        assert_int_equal(received.status, POP_OK);
        assert_int_equal(received.consumed, length);
        /* Without a dot of either line, and without the last line. */
        assert_int_equal(received.length, length - 5);
        assert_memory_equal(received.octets, bytes + 1, length - 10);
        assert_memory_equal(received.octets + received.length - 5, "\r\n.\r\n",
                            5);
        free(received.octets);
    }
    free(bytes);
}

/* "\r..xxx\n" of so many octets, and the end; how many are given out. */
static size_t
read_after_lone_cr(size_t octets, size_t step)
{
    size_t length = octets + 2;
    char *bytes = malloc(length);
    struct received received;

    assert_non_null(bytes);
    memset(bytes, 'x', length);
    memcpy(bytes, "\r..", 3);
    memcpy(bytes + octets - 1, "\n.\n", 3);
    read_octets(bytes, length, step, step, 2, &received);
    assert_int_equal(received.status, POP_OK);
    assert_int_equal(received.consumed, length);
    free(received.octets);
    free(bytes);
    return received.length;
}

/* The CR may end the line before it, and then a dot was added; but that is
   known only where the end of the line is there with its beginning. */
static void
test_long_lines_do_not_depend_on_the_pieces(void **state)
{
    static const size_t steps[] = {1000, 65536, 65537, 400000};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(steps); i++) {
        assert_int_equal(read_after_lone_cr(65536, steps[i]), 65535);
        assert_int_equal(read_after_lone_cr(65537, steps[i]), 65537);
        assert_int_equal(read_after_lone_cr(70000, steps[i]), 70000);
    }
}

/* Lines in a row are one span. */
static void
test_spans_are_few(void **state)
{
    static const char bytes[] = "a\r\nb\r\n..c\r\nd\r\n.\r\n+OK\r\n";
    struct pop_span spans[MOST_SPANS];
    struct pop_batch batch = {spans, MOST_SPANS, 0, 0};
    struct pop_reply reply;

    (void)state;
    pop_reply_begin(&reply, POP_OCTETS, 0, 0);
    reply.part = POP_REPLY_LINES;
    assert_int_equal(pop_reply_scan(&reply, bytes, sizeof(bytes) - 1, &batch),
                     POP_OK);
    assert_int_equal(reply.part, POP_REPLY_DONE);
    assert_int_equal(batch.count, 2);
    assert_int_equal(spans[0].offset, 0);
    assert_int_equal(spans[0].length, 6);
    assert_int_equal(spans[1].offset, 7);
    assert_int_equal(spans[1].length, 7);
    assert_int_equal(batch.scanned, 17);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_all_short_inputs),
        UNIT_TEST(test_long_lines),
        UNIT_TEST(test_long_lines_do_not_depend_on_the_pieces),
        UNIT_TEST(test_spans_are_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
