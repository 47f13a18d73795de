#include "replies.h"

#include <string.h>

#include "support.h"

#define LITERAL(text) (text), sizeof(text) - 1

#define COMPLETE(text, octets, consumed)                                      \
    {text, sizeof(text) - 1, octets, consumed, POP_OK}
#define PARTIAL(text, octets, consumed)                                       \
    {text, sizeof(text) - 1, octets, consumed, POP_NEED_INPUT}

const struct sample samples[] = {
    {LITERAL("+OK\r\n"), false, COMPLETE("+OK\n", 0, 5)},
    {LITERAL("-ERR no such message\r\n"), false,
     COMPLETE("-ERR no such message\n", 0, 22)},
    {LITERAL("+ERR boom\r\n"), false, COMPLETE("+ERR boom\n", 0, 11)},
    {LITERAL("+ \r\n"), false, COMPLETE("+ \n", 0, 4)},
    {LITERAL("\r\n"), false, COMPLETE("\n", 0, 2)},
    {LITERAL("\n"), true, COMPLETE("\n", 0, 1)},
    {LITERAL(" +OK\r\na\r\n.\r\n"), true, COMPLETE(" +OK\n", 0, 6)},
    {LITERAL("\r+OK\n"), false, COMPLETE("+OK\n", 0, 5)},
    /* What follows a reply is not touched. */
    {LITERAL("+OK\r\nnext\r\n"), false, COMPLETE("+OK\n", 0, 5)},
    {LITERAL("-ERR\r\nnext\r\n.\r\n"), true, COMPLETE("-ERR\n", 0, 6)},
    {LITERAL("+OK\r\na\r\n.\r\n+OK next\r\n"), true,
     COMPLETE("+OK\na\n", 3, 11)},
    /* Lines, and how many octets they have on the wire. */
    {LITERAL("+OK\r\n.\r\n"), true, COMPLETE("+OK\n", 0, 8)},
    {LITERAL("+\r\n.\r\n"), true, COMPLETE("+\n", 0, 6)},
    {LITERAL("+OK 2 messages\r\n1 120\r\n2 200\r\n.\r\n"), true,
     COMPLETE("+OK 2 messages\n1 120\n2 200\n", 14, 33)},
    {LITERAL("+OK\r\n\r\n\r\n.\r\n"), true, COMPLETE("+OK\n\n\n", 4, 12)},
    {LITERAL("+OK\r\n\0\xff\x80 \r\n.\r\n"), true,
     COMPLETE("+OK\n\0\xff\x80 \n", 6, 14)},
    /* Dot-stuffing, and its absence. */
    {LITERAL("+OK\r\n..\r\n...\r\n..a\r\n.a\r\n. \r\n.\r\n"), true,
     COMPLETE("+OK\n.\n..\n.a\n.a\n. \n", 19, 30)},
    {LITERAL("+OK\r\n\r..\r\na..\r\n.\r\n"), true,
     COMPLETE("+OK\n\r..\na..\n", 10, 18)},
    /* Line ends that are not CR LF. */
    {LITERAL("+OK\na\n\n..\n.\n"), true, COMPLETE("+OK\na\n\n.\n", 5, 12)},
    {LITERAL("+OK\n\ra\n\r..b\n\r.\n\r"), true,
     COMPLETE("+OK\na\n.b\n", 7, 15)},
    {LITERAL("+OK\r\r\na\r\r\n.\r\r\n.\r\n"), true,
     COMPLETE("+OK\r\na\r\n.\r\n", 8, 17)},
    {LITERAL("+OK\r\na\rb\r\n\r\rc\n.\r\n"), true,
     COMPLETE("+OK\na\rb\n\rc\n", 9, 17)},
    /* Cut off. */
    {LITERAL(""), true, PARTIAL("", 0, 0)},
    {LITERAL("+OK hi"), false, PARTIAL("", 0, 0)},
    {LITERAL("+OK\r\n"), true, PARTIAL("+OK\n", 0, 5)},
    {LITERAL("+OK\r\na\r\n..b"), true, PARTIAL("+OK\na\n", 3, 8)},
    {LITERAL("+OK\r\na\r\n.\r"), true, PARTIAL("+OK\na\n", 3, 8)},
};

const size_t sample_count = COUNT_OF(samples);

void
begin_lines(struct pop_reply *reply, size_t line_limit)
{
    struct pop_span span;
    struct pop_batch batch = {&span, 1, 0, 0};

    pop_reply_begin(reply, POP_LINES, 5, line_limit);
    assert_int_equal(pop_reply_scan(reply, "+OK\r\n", 5, &batch), POP_OK);
}

void
transcript_add(struct transcript *transcript, const char *bytes,
               const struct pop_batch *batch)
{
    size_t i;

    for (i = 0; i < batch->count; i++) {
        struct pop_span span = batch->spans[i];
        char *end = transcript->text + transcript->length;

        assert_true(transcript->length + span.length + 1 <=
                    sizeof(transcript->text));
        memcpy(end, bytes + span.offset, span.length);
        end[span.length] = '\n';
        transcript->length += span.length + 1;
    }
    transcript->consumed += batch->scanned;
}

static void
print_transcript(const char *title, const struct transcript *transcript)
{
    print_error("%s: status %d, %zu octets, %zu consumed, texts:\n%.*s\n",
                title, transcript->status, transcript->octets,
                transcript->consumed, (int)transcript->length,
                transcript->text);
}

void
transcript_compare(const struct transcript *actual,
                   const struct transcript *expected,
                   const struct feeding *feeding)
{
    if (actual->length == expected->length &&
        memcmp(actual->text, expected->text, expected->length) == 0 &&
        actual->octets == expected->octets &&
        actual->consumed == expected->consumed &&
        actual->status == expected->status) {
        return;
    }
    print_transcript("expected", expected);
    print_transcript("actual", actual);
    fail_msg("fed %zu bytes, then %zu at a time", feeding->first,
             feeding->step);
}

void
feed_all_samples(void (*read)(const struct sample *sample,
                              const struct feeding *feeding))
{
    static const struct feeding bytewise = {1, 1};
    size_t i;

    for (i = 0; i < sample_count; i++) {
        struct feeding cut = {0, samples[i].length};

        read(&samples[i], &bytewise);
        for (; cut.first <= samples[i].length; cut.first++) {
            read(&samples[i], &cut);
        }
    }
}

#define LONGEST_INPUT 6

void
feed_all_short_inputs(void (*check)(const char *bytes, size_t length))
{
    static const char alphabet[] = {'.', '\r', '\n', 'a'};
    size_t length;

    for (length = 1; length <= LONGEST_INPUT; length++) {
        unsigned number;

        for (number = 0; number < 1U << 2 * length; number++) {
            char bytes[LONGEST_INPUT];
            size_t i;

            for (i = 0; i < length; i++) {
                bytes[i] = alphabet[number >> 2 * i & 3];
            }
            check(bytes, length);
        }
    }
}
