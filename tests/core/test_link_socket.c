#include "core/net/link.h"

#include <stdlib.h>

#include "script.h"
#include "socket_fixture.h"
#include "support.h"

#define MIB ((size_t)1024 * 1024)

static void
test_reply_over_a_socket(void **state)
{
    char *bytes = make_lines(8 * MIB, 78);
    struct totals totals;
    struct pop_link link;
    struct support_task task;
    int fds[2];

    (void)state;
    open_link(fds, &link, false, 10000 * NS_PER_MS);
    task = (struct support_task){.fd = fds[1],
                                 .bytes = bytes,
                                 .length = 8 * MIB,
                                 .run = support_send_all};
    support_start(&task);
    assert_int_equal(begin_lines_of(&link, 78), POP_OK);
    read_totals(&link, &totals);
    support_join(&task);
    assert_int_equal(totals.status, POP_OK);
    assert_int_equal(totals.text + totals.lines + 2, 8 * MIB);
    assert_true(totals.capacity < MIB);
    close_link(fds, &link);
    free(bytes);
}

static void
test_flush_over_a_socket(void **state)
{
    char *bytes = make_lines(MIB, 78);
    char *received = malloc(MIB);
    struct pop_link link;
    struct support_task task;
    int fds[2];

    (void)state;
    assert_non_null(received);
    open_link(fds, &link, false, 30 * NS_PER_MS);
    support_shrink_send_buffer(fds[0]);
    assert_int_equal(pop_buffer_append(&link.out, bytes, MIB), POP_OK);
    /* Nobody reads yet. */
    assert_int_equal(flush(&link), POP_TIMEOUT);
    assert_uint_in_range(pop_buffer_length(&link.out), 1, MIB - 1);
    task = (struct support_task){.fd = fds[1],
                                 .space = received,
                                 .length = MIB,
                                 .run = support_receive_all};
    support_start(&task);
    link.timeout = 10000 * NS_PER_MS;
    assert_int_equal(flush(&link), POP_OK);
    support_join(&task);
    assert_int_equal(task.done, MIB);
    assert_memory_equal(received, bytes, MIB);
    close_link(fds, &link);
    free(received);
    free(bytes);
}

static void
test_signals_do_not_move_the_timeout(void **state)
{
    struct pop_link link;
    int fds[2];
    int interruptions = 0;
    int64_t start = support_monotonic_ms();
    enum pop_status status;

    (void)state;
    open_link(fds, &link, false, 40 * NS_PER_MS);
    assert_int_equal(pop_link_begin(&link, POP_NO_LINES, 99, 99), POP_OK);
    support_start_signals(5);
    do {
        status = pump(&link);
    } while (status == POP_INTERRUPTED && ++interruptions < 1000);
    support_stop_signals();
    assert_int_equal(status, POP_TIMEOUT);
    assert_true(interruptions > 0);
    assert_true(support_monotonic_ms() - start >= 39);
    close_link(fds, &link);
}

static void
interrupt_link(struct support_task *task)
{
    pop_link_interrupt(task->context);
}

static void
test_interrupt_wakes_a_blocked_pump(void **state)
{
    struct support_task task = {.delay_ms = 20, .run = interrupt_link};
    struct pop_link link;
    int fds[2];

    (void)state;
    open_link(fds, &link, false, 10000 * NS_PER_MS);
    assert_int_equal(pop_link_begin(&link, POP_NO_LINES, 99, 99), POP_OK);
    task.context = &link;
    support_start(&task);
    assert_int_equal(pump(&link), POP_EOF);
    support_join(&task);
    close_link(fds, &link);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_reply_over_a_socket),
        UNIT_TEST(test_flush_over_a_socket),
        UNIT_TEST(test_signals_do_not_move_the_timeout),
        UNIT_TEST(test_interrupt_wakes_a_blocked_pump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
