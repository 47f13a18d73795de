#include "core/net/link.h"

#include <errno.h>
#include <string.h>

#include "replies.h"
#include "script.h"
#include "support.h"

static void
add_batch(struct transcript *transcript, struct pop_link *link)
{
    transcript_add(transcript, pop_buffer_bytes(&link->in), &link->batch);
    pop_link_take(link);
}

/* Pumps the reply that was begun to its end. */
static void
read_reply(struct pop_link *link, struct transcript *transcript)
{
    memset(transcript, 0, sizeof(*transcript));
    do {
        do {
            transcript->status = pump(link);
        } while (transcript->status == POP_INTERRUPTED);
        add_batch(transcript, link);
    } while (transcript->status == POP_OK &&
             link->reply.part != POP_REPLY_DONE);
    transcript->octets = link->reply.octets;
}

static void
check_sample(const struct sample *sample, const struct feeding *feeding)
{
    struct transcript transcript;
    struct script script;
    struct pop_link link;

    open_script(&script, &link, sample->bytes, sample->length);
    script.feeding = *feeding;
    assert_int_equal(
        pop_link_begin(&link, sample->multiline ? POP_LINES : POP_NO_LINES,
                       POP_UNLIMITED_OCTETS, POP_UNLIMITED_OCTETS),
        POP_OK);
    read_reply(&link, &transcript);
    if (transcript.status == POP_EOF) {
        transcript.status = POP_NEED_INPUT;
    }
    transcript_compare(&transcript, &sample->expected, feeding);
    assert_int_equal(transcript.consumed + pop_buffer_length(&link.in),
                     script.received);
    pop_link_release(&link);
}

static void
test_replies_cut_anywhere(void **state)
{
    (void)state;
    feed_all_samples(check_sample);
}

static void
test_unread_bytes_come_before_receiving(void **state)
{
    static const char bytes[] = "+OK one\r\n+OK two\r\na\r\n.\r\n";
    struct transcript transcript;
    struct script script;
    struct pop_link link;

    (void)state;
    open_script(&script, &link, bytes, sizeof(bytes) - 1);
    assert_int_equal(pop_link_begin(&link, POP_NO_LINES, 99, 99), POP_OK);
    assert_int_equal(pop_link_scan(&link), POP_NEED_INPUT);
    assert_int_equal(script.calls, 0);
    read_reply(&link, &transcript);
    assert_memory_equal(transcript.text, "+OK one\n", 8);
    assert_int_equal(script.calls, 1);
    assert_int_equal(pop_link_begin(&link, POP_LINES, 99, 99), POP_OK);
    assert_int_equal(pop_link_scan(&link), POP_OK);
    add_batch(&transcript, &link);
    read_reply(&link, &transcript);
    assert_memory_equal(transcript.text, "a\n", 2);
    assert_int_equal(script.calls, 1);
    assert_int_equal(pop_buffer_length(&link.in), 0);
    pop_link_release(&link);
}

static void
test_lines_behind_a_status_line_that_was_read(void **state)
{
    struct transcript transcript;
    struct script script;
    struct pop_link link;

    (void)state;
    open_script(&script, &link, "-a\n..b\n.\n", 9);
    assert_int_equal(pop_link_begin_lines(&link, 4), POP_OK);
    read_reply(&link, &transcript);
    assert_int_equal(transcript.status, POP_OK);
    assert_int_equal(transcript.length, 6);
    assert_memory_equal(transcript.text, "-a\n.b\n", 6);
    assert_int_equal(transcript.octets, 6);
    pop_link_release(&link);
}

static enum pop_status
read_with_limits(const char *bytes, size_t length, size_t status_limit,
                 size_t line_limit)
{
    struct transcript transcript;
    struct script script;
    struct pop_link link;

    open_script(&script, &link, bytes, length);
    script.feeding.first = script.feeding.step = 1;
    assert_int_equal(
        pop_link_begin(&link, POP_LINES, status_limit, line_limit), POP_OK);
    read_reply(&link, &transcript);
    pop_link_release(&link);
    return transcript.status;
}

static void
test_limits_are_exact(void **state)
{
    static const char bytes[] = "+OK\r\n12345\r\n.\r\n";
    size_t length = sizeof(bytes) - 1;

    (void)state;
    assert_int_equal(read_with_limits(bytes, length, 5, 7), POP_OK);
    assert_int_equal(read_with_limits(bytes, length, 4, 7), POP_TOO_LONG);
    assert_int_equal(read_with_limits(bytes, length, 5, 6), POP_TOO_LONG);
    assert_int_equal(read_with_limits(bytes, length, POP_UNLIMITED_OCTETS,
                                      POP_UNLIMITED_OCTETS),
                     POP_OK);
}

/* What cuts a reply short is told as it is, and what had been read stays. */
static void
test_failures_of_the_transport(void **state)
{
    static const enum pop_status failures[] = {
        POP_TIMEOUT, POP_SYSTEM, POP_HOST, POP_INTERRUPTED, POP_EOF};
    static const char bytes[] = "+OK\r\na\r\n.\r\n";
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(failures); i++) {
        enum pop_status outcomes[] = {POP_OK, POP_OK, failures[i]};
        struct transcript transcript;
        struct script script;
        struct pop_link link;
        struct pop_error error;

        open_script(&script, &link, bytes, sizeof(bytes) - 1);
        script.feeding.first = 5;
        script.feeding.step = 4;
        script.outcomes = outcomes;
        script.outcome_count = COUNT_OF(outcomes);
        assert_int_equal(pop_link_begin(&link, POP_LINES, 99, 99), POP_OK);
        assert_int_equal(pop_link_pump(&link, &error), POP_OK);
        pop_link_take(&link);
        assert_int_equal(pop_link_pump(&link, &error), failures[i]);
        assert_int_equal(error.sys, failures[i] == POP_SYSTEM ? EIO : 0);
        assert_int_equal(script.calls, 3);
        read_reply(&link, &transcript);
        assert_int_equal(transcript.status, POP_OK);
        assert_memory_equal(transcript.text, "a\n", 2);
        pop_link_release(&link);
    }
}

static void
test_an_interrupted_fill_keeps_its_deadline(void **state)
{
    static const enum pop_status outcomes[] = {POP_INTERRUPTED,
                                               POP_INTERRUPTED};
    struct script script;
    struct pop_link link;
    struct pop_error error;
    int64_t first;

    (void)state;
    open_script(&script, &link, "abcd", 4);
    script.feeding.first = script.feeding.step = 1;
    script.outcomes = outcomes;
    script.outcome_count = COUNT_OF(outcomes);
    link.timeout = 10000 * NS_PER_MS;
    assert_int_equal(pop_link_fill(&link, &error), POP_INTERRUPTED);
    first = script.deadline.at;
    support_sleep_ms(2);
    assert_int_equal(pop_link_fill(&link, &error), POP_INTERRUPTED);
    assert_true(script.deadline.at == first);
    assert_int_equal(pop_link_fill(&link, &error), POP_OK);
    assert_true(script.deadline.at == first);
    /* The next one has the whole timeout, and the current one, for itself. */
    link.timeout = 20000 * NS_PER_MS;
    assert_int_equal(pop_link_fill(&link, &error), POP_OK);
    assert_true(script.deadline.at - first > 10000 * NS_PER_MS);
    pop_link_release(&link);
}

static void
test_unread_bytes_are_found_and_not_lost(void **state)
{
    struct transcript transcript;
    struct script script;
    struct pop_link link;

    (void)state;
    open_script(&script, &link, "+OK\r\n", 5);
    script.feeding.first = script.feeding.step = 3;
    link.timeout = NS_PER_MS;
    assert_true(pop_link_has_unread(&link));
    assert_int_equal(script.received, 3);
    assert_true(link.timeout == NS_PER_MS);
    /* Those at hand are enough to tell. */
    assert_true(pop_link_has_unread(&link));
    assert_int_equal(script.calls, 1);
    assert_int_equal(pop_link_begin(&link, POP_NO_LINES, 5, 0), POP_OK);
    read_reply(&link, &transcript);
    assert_memory_equal(transcript.text, "+OK\n", 4);
    assert_false(pop_link_has_unread(&link));
    assert_int_equal(script.calls, 2);
    pop_link_release(&link);
}

/* A reply nobody asked for is not missed for want of memory. */
static void
test_unread_bytes_count_without_memory(void **state)
{
    struct script script;
    struct pop_link link;

    (void)state;
    open_script(&script, &link, "+OK\r\n", 5);
    support_fail_allocation(0);
    assert_true(pop_link_has_unread(&link));
    assert_int_equal(script.received, 0);
    pop_link_release(&link);
}

static void
test_a_lone_cr_is_no_unread_byte(void **state)
{
    struct script script;
    struct pop_link link;

    (void)state;
    open_script(&script, &link, "\r", 1);
    assert_false(pop_link_has_unread(&link));
    assert_int_equal(pop_buffer_length(&link.in), 1);
    pop_link_release(&link);

    /* It hides nothing, be it that more arrives with it or later. */
    open_script(&script, &link, "\r+", 2);
    script.feeding.first = script.feeding.step = 1;
    assert_true(pop_link_has_unread(&link));
    assert_memory_equal(pop_buffer_bytes(&link.in), "\r+", 2);
    pop_link_release(&link);

    open_script(&script, &link, "+", 1);
    assert_true(pop_link_has_unread(&link));
    pop_link_release(&link);
}

/* What it meets while looking is for the next recv to tell. */
static void
test_looking_for_unread_bytes_leaves_no_trace(void **state)
{
    static const enum pop_status outcomes[] = {
        POP_SYSTEM,      POP_TIMEOUT,     POP_INTERRUPTED,
        POP_INTERRUPTED, POP_INTERRUPTED, POP_INTERRUPTED};
    struct script script;
    struct pop_link link;
    struct pop_error error;

    (void)state;
    open_script(&script, &link, "+OK\r\n", 5);
    script.outcomes = outcomes;
    script.outcome_count = COUNT_OF(outcomes);
    assert_false(pop_link_has_unread(&link));
    assert_true(script.deadline.timeout == POP_WAIT_NEVER);
    assert_false(pop_link_has_unread(&link));
    assert_false(link.flooded);
    /* Behind so much of what is no octet there may be some. */
    assert_true(pop_link_has_unread(&link));
    assert_true(link.flooded);
    link.timeout = 10000 * NS_PER_MS;
    assert_int_equal(pop_link_fill(&link, &error), POP_OK);
    assert_true(script.deadline.timeout == link.timeout);
    pop_link_release(&link);
}

static void
queue(struct pop_link *link, const char *bytes, size_t length)
{
    assert_int_equal(pop_buffer_append(&link->out, bytes, length), POP_OK);
}

static void
test_flush_sends_everything_within_one_deadline(void **state)
{
    static const char bytes[] = "USER a\r\nPASS b\r\n";
    static const enum pop_status outcomes[] = {POP_OK, POP_INTERRUPTED,
                                               POP_OK};
    struct script script;
    struct pop_link link;
    struct pop_error error;
    int64_t first;

    (void)state;
    open_script(&script, &link, bytes, sizeof(bytes) - 1);
    script.most_per_send = 3;
    script.outcomes = outcomes;
    script.outcome_count = COUNT_OF(outcomes);
    link.timeout = 10000 * NS_PER_MS;
    queue(&link, bytes, sizeof(bytes) - 1);
    assert_int_equal(pop_link_flush(&link, &error), POP_INTERRUPTED);
    assert_int_equal(script.sent, 3);
    first = script.deadline.at;
    support_sleep_ms(2);
    assert_int_equal(flush(&link), POP_OK);
    assert_true(script.deadline.at == first);
    assert_int_equal(script.sent, sizeof(bytes) - 1);
    assert_int_equal(pop_buffer_length(&link.out), 0);
    assert_int_equal(flush(&link), POP_OK);
    pop_link_release(&link);
}

static void
test_a_failed_flush_keeps_what_was_not_sent(void **state)
{
    static const enum pop_status failures[] = {POP_TIMEOUT, POP_SYSTEM,
                                               POP_HOST};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(failures); i++) {
        enum pop_status outcomes[] = {POP_OK, failures[i]};
        struct script script;
        struct pop_link link;

        open_script(&script, &link, "NOOP\r\n", 6);
        script.most_per_send = 4;
        script.outcomes = outcomes;
        script.outcome_count = COUNT_OF(outcomes);
        queue(&link, "NOOP\r\n", 6);
        assert_int_equal(flush(&link), failures[i]);
        assert_int_equal(pop_buffer_length(&link.out), 2);
        assert_int_equal(flush(&link), POP_OK);
        assert_int_equal(script.sent, 6);
        pop_link_release(&link);
    }
}

/* How it is after a flush that failed, with so many bytes sent before. */
static bool
is_unsent(size_t sent, bool has_begun)
{
    const enum pop_status outcomes[] = {sent == 0 ? POP_TIMEOUT : POP_OK,
                                        POP_TIMEOUT};
    struct script script;
    struct pop_link link;
    bool unsent;

    open_script(&script, &link, "NOOP\r\n", 6);
    script.most_per_send = sent;
    script.outcomes = outcomes;
    script.outcome_count = COUNT_OF(outcomes);
    script.has_begun = has_begun;
    queue(&link, "NOOP\r\n", 6);
    assert_int_equal(flush(&link), POP_TIMEOUT);
    assert_int_equal(pop_buffer_length(&link.out), 6 - sent);
    unsent = pop_link_is_unsent(&link, 6);
    pop_link_release(&link);
    return unsent;
}

static void
test_what_is_known_to_be_unsent(void **state)
{
    (void)state;
    assert_true(is_unsent(0, false));
    assert_false(is_unsent(1, false));
    assert_false(is_unsent(5, false));
    /* In a record, perhaps, of which the server has a part. */
    assert_false(is_unsent(0, true));
    assert_false(is_unsent(1, true));
}

/* The command that is sent is what the script has for a reply. */
static void
open_exchange(struct script *script, struct pop_link *link,
              const enum pop_status *outcomes, size_t count)
{
    open_script(script, link, "+OK\r\n", 5);
    script->outcomes = outcomes;
    script->outcome_count = count;
    queue(link, "+OK\r\n", 5);
    assert_int_equal(pop_link_begin(link, POP_NO_LINES, 5, 0), POP_OK);
}

static void
test_an_exchange_goes_on_where_it_was_interrupted(void **state)
{
    static const enum pop_status outcomes[] = {POP_INTERRUPTED, POP_OK,
                                               POP_INTERRUPTED};
    struct script script;
    struct pop_link link;
    struct pop_error error;

    (void)state;
    open_exchange(&script, &link, outcomes, COUNT_OF(outcomes));
    assert_int_equal(pop_link_exchange(&link, &error), POP_INTERRUPTED);
    assert_int_equal(script.sent, 0);
    assert_int_equal(pop_link_exchange(&link, &error), POP_INTERRUPTED);
    assert_int_equal(script.sent, 5);
    assert_int_equal(script.received, 0);
    assert_int_equal(pop_link_exchange(&link, &error), POP_OK);
    assert_int_equal(script.calls, 4);
    assert_int_equal(link.reply.part, POP_REPLY_DONE);
    assert_int_equal(link.batch.count, 1);
    pop_link_release(&link);
}

static void
test_an_exchange_tells_what_has_failed(void **state)
{
    static const enum pop_status outcomes[] = {POP_OK, POP_TIMEOUT};
    struct script script;
    struct pop_link link;
    struct pop_error error;

    (void)state;
    open_exchange(&script, &link, outcomes, COUNT_OF(outcomes));
    assert_int_equal(pop_link_exchange(&link, &error), POP_TIMEOUT);
    assert_true(link.is_sent);
    pop_link_release(&link);
    open_exchange(&script, &link, outcomes + 1, 1);
    assert_int_equal(pop_link_exchange(&link, &error), POP_TIMEOUT);
    assert_false(link.is_sent);
    assert_int_equal(script.calls, 1);
    pop_link_release(&link);
}

static void
test_a_released_link_can_be_used_again(void **state)
{
    struct transcript transcript;
    struct script script;
    struct pop_link link;
    int round;

    (void)state;
    open_script(&script, &link, "+OK\r\n+OK\r\n", 10);
    script.feeding.first = script.feeding.step = 5;
    for (round = 0; round < 2; round++) {
        assert_int_equal(pop_link_begin(&link, POP_NO_LINES, 5, 0), POP_OK);
        read_reply(&link, &transcript);
        assert_int_equal(transcript.status, POP_OK);
        pop_link_release(&link);
    }
    pop_link_release(&link);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_replies_cut_anywhere),
        UNIT_TEST(test_unread_bytes_come_before_receiving),
        UNIT_TEST(test_lines_behind_a_status_line_that_was_read),
        UNIT_TEST(test_limits_are_exact),
        UNIT_TEST(test_failures_of_the_transport),
        UNIT_TEST(test_an_interrupted_fill_keeps_its_deadline),
        UNIT_TEST(test_unread_bytes_are_found_and_not_lost),
        UNIT_TEST(test_unread_bytes_count_without_memory),
        UNIT_TEST(test_a_lone_cr_is_no_unread_byte),
        UNIT_TEST(test_looking_for_unread_bytes_leaves_no_trace),
        UNIT_TEST(test_flush_sends_everything_within_one_deadline),
        UNIT_TEST(test_a_failed_flush_keeps_what_was_not_sent),
        UNIT_TEST(test_an_exchange_goes_on_where_it_was_interrupted),
        UNIT_TEST(test_an_exchange_tells_what_has_failed),
        UNIT_TEST(test_what_is_known_to_be_unsent),
        UNIT_TEST(test_a_released_link_can_be_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
