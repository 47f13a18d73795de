#include "core/net/link.h"

#include <string.h>

#include "script.h"
#include "socket_fixture.h"
#include "support.h"

/* An endless reply, of which `step` octets can be received at a time. */
static void
open_flood(struct script *script, struct pop_link *link, char *bytes,
           size_t length, size_t step)
{
    memset(bytes, 'x', length);
    open_script(script, link, bytes, length);
    script->feeding.first = script->feeding.step = step;
}

static enum pop_status
pump_to_the_end(struct pop_link *link, struct pop_error *error)
{
    enum pop_status status;

    do {
        status = pop_link_pump(link, error);
    } while (status == POP_INTERRUPTED);
    return status;
}

static void
test_nothing_is_sent_behind_it(void **state)
{
    struct pop_error error = {0};
    struct script script;
    struct pop_link link;

    (void)state;
    open_script(&script, &link, "NOOP\r\n", 6);
    pop_deadline_start(&link.deadline, 0);
    assert_int_equal(pop_buffer_append(&link.out, "NOOP\r\n", 6), POP_OK);
    assert_int_equal(pop_link_flush(&link, &error), POP_DEADLINE);
    assert_int_equal(script.calls, 0);
    assert_true(pop_link_is_unsent(&link, 6));
    /* It can be sent later. */
    pop_deadline_clear(&link.deadline);
    assert_int_equal(flush(&link), POP_OK);
    assert_int_equal(script.sent, 6);
    pop_link_release(&link);
}

static void
test_what_was_received_is_read(void **state)
{
    static const char reply[] = "+OK 1\r\n+OK 2\r\n";
    struct pop_error error = {0};
    struct script script;
    struct pop_link link;
    int i;

    (void)state;
    open_script(&script, &link, reply, strlen(reply));
    assert_int_equal(pop_link_fill(&link, &error), POP_OK);
    pop_deadline_start(&link.deadline, 0);
    for (i = 0; i < 2; i++) {
        assert_int_equal(pop_link_begin(&link, POP_NO_LINES, 99, 99), POP_OK);
        assert_int_equal(pop_link_pump(&link, &error), POP_OK);
        pop_link_take(&link);
    }
    assert_int_equal(script.calls, 1);
    assert_int_equal(pop_link_begin(&link, POP_NO_LINES, 99, 99), POP_OK);
    assert_int_equal(pop_link_pump(&link, &error), POP_DEADLINE);
    assert_int_equal(script.calls, 1);
    pop_link_release(&link);
}

/* A peer that lets nobody wait. */
static void
test_a_flood_ends_with_it(void **state)
{
    static char bytes[1024 * 1024];
    struct pop_error error = {0};
    struct script script;
    struct pop_link link;

    (void)state;
    open_flood(&script, &link, bytes, sizeof(bytes), 1);
    assert_int_equal(pop_link_begin(&link, POP_NO_LINES, sizeof(bytes), 0),
                     POP_OK);
    pop_deadline_start(&link.deadline, NS_PER_MS);
    assert_int_equal(pump_to_the_end(&link, &error), POP_DEADLINE);
    assert_uint_in_range(script.received, 1, sizeof(bytes) - 1);
    assert_string_equal(error.text,
                        "the deadline of 0.001 s has passed: close() this "
                        "connection; for a server that is only slow set a "
                        "later one");
    pop_link_release(&link);
}

/* One that takes an octet at a time. */
static void
test_a_slow_reader_is_held_by_it(void **state)
{
    static char bytes[1024 * 1024];
    struct script script;
    struct pop_link link;

    (void)state;
    open_flood(&script, &link, bytes, sizeof(bytes), 1);
    script.most_per_send = 1;
    assert_int_equal(pop_buffer_append(&link.out, bytes, sizeof(bytes)),
                     POP_OK);
    pop_deadline_start(&link.deadline, NS_PER_MS);
    assert_int_equal(flush(&link), POP_DEADLINE);
    assert_uint_in_range(script.sent, 1, sizeof(bytes) - 1);
    pop_link_release(&link);
}

/* --- over a socket ------------------------------------------------------ */

static void
open_with_deadline(int fds[2], struct pop_link *link, const struct mode *mode)
{
    open_link(fds, link, mode->blocking, mode->timeout);
    pop_deadline_start(&link->deadline, 30 * NS_PER_MS);
}

static void
test_receiving_ends_with_it(void **state)
{
    struct pop_error error = {0};
    struct pop_link link;
    int fds[2];
    size_t mode;

    (void)state;
    for (mode = 0; mode < COUNT_OF(modes); mode++) {
        int64_t start = support_monotonic_ms();

        open_with_deadline(fds, &link, &modes[mode]);
        assert_int_equal(pop_link_begin(&link, POP_NO_LINES, 99, 99), POP_OK);
        assert_int_equal(pump_to_the_end(&link, &error), POP_DEADLINE);
        assert_uint_in_range(support_monotonic_ms() - start, 29, 5000);
        close_link(fds, &link);
    }
}

static void
test_sending_ends_with_it(void **state)
{
    struct pop_link link;
    int fds[2];
    size_t mode;

    (void)state;
    for (mode = 0; mode < COUNT_OF(modes); mode++) {
        open_with_deadline(fds, &link, &modes[mode]);
        support_fill_send_buffer(fds[0]);
        assert_int_equal(pop_buffer_append(&link.out, "NOOP\r\n", 6), POP_OK);
        assert_int_equal(flush(&link), POP_DEADLINE);
        assert_true(pop_link_is_unsent(&link, 6));
        close_link(fds, &link);
    }
}

/* Of both directions, neither goes on. */
static void
test_receiving_while_sending_ends_with_it(void **state)
{
    struct pop_error error = {0};
    struct pop_link link;
    int fds[2];
    size_t mode;

    (void)state;
    for (mode = 0; mode < COUNT_OF(modes); mode++) {
        open_with_deadline(fds, &link, &modes[mode]);
        support_fill_send_buffer(fds[0]);
        assert_int_equal(pop_buffer_append(&link.out, "NOOP\r\n", 6), POP_OK);
        assert_int_equal(pop_link_fill(&link, &error), POP_DEADLINE);
        assert_int_equal(pop_buffer_length(&link.out), 6);
        close_link(fds, &link);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_nothing_is_sent_behind_it),
        UNIT_TEST(test_what_was_received_is_read),
        UNIT_TEST(test_a_flood_ends_with_it),
        UNIT_TEST(test_a_slow_reader_is_held_by_it),
        UNIT_TEST(test_receiving_ends_with_it),
        UNIT_TEST(test_sending_ends_with_it),
        UNIT_TEST(test_receiving_while_sending_ends_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
