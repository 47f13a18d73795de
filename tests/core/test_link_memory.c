#include "core/net/link.h"

#include <stdlib.h>

#include "script.h"
#include "support.h"

#define MIB ((size_t)1024 * 1024)

/* How many allocations reading these lines takes.  Each fails in one of the
   readings, and is tried again. */
static size_t
fail_every_allocation(const char *bytes, size_t length)
{
    size_t index;

    for (index = 0;; index++) {
        struct totals totals;
        struct script script;
        struct pop_link link;
        size_t failures = 0;
        bool failed;

        open_script(&script, &link, bytes, length);
        support_fail_allocation(index);
        while (begin_lines_of(&link, POP_UNLIMITED_OCTETS) == POP_NO_MEMORY) {
            failures++;
        }
        read_totals(&link, &totals);
        failures += totals.no_memory;
        failed = support_stop_failing();
        pop_link_release(&link);
        assert_int_equal(failures, failed);
        assert_int_equal(totals.status, POP_OK);
        assert_int_equal(totals.text + totals.lines + 2, length);
        if (!failed) {
            return index;
        }
    }
}

static void
test_every_allocation_can_fail(void **state)
{
    char *bytes = make_lines(2 * MIB, MIB);

    (void)state;
    /* The spans and the buffer; and then its growth with a long line. */
    assert_int_equal(fail_every_allocation("a\n.\n", 4), 2);
    assert_true(fail_every_allocation(bytes, 2 * MIB) > 3);
    free(bytes);
}

static void
test_buffer_does_not_grow_with_the_message(void **state)
{
    static const size_t line_octets[] = {2, 7, 78, 1000, 30000};
    const size_t length = 20 * MIB;
    size_t i;

    (void)state;
    for (i = 0; i < COUNT_OF(line_octets); i++) {
        char *bytes = make_lines(length, line_octets[i]);
        struct totals totals;
        struct script script;
        struct pop_link link;
        struct pop_spare spare = {.spans = NULL};

        open_script(&script, &link, bytes, length);
        assert_int_equal(begin_lines_of(&link, 30000), POP_OK);
        read_totals(&link, &totals);
        assert_int_equal(totals.status, POP_OK);
        assert_int_equal(totals.text + totals.lines + 2, length);
        assert_int_equal(link.reply.octets, length - 2);
        assert_true(totals.capacity <= MIB / 8);
        /* And each recv is worth its system call. */
        assert_true(script.calls <= length / (MIB / 32));
        /* So much may be kept for the next reply. */
        pop_link_return(&link, &spare);
        assert_int_equal(spare.capacity, totals.capacity);
        pop_link_release_spare(&spare);
        pop_link_release(&link);
        free(bytes);
    }
}

static void
test_buffer_grows_with_a_line_and_is_trimmed(void **state)
{
    char *bytes = make_lines(4 * MIB, 3 * MIB);
    struct totals totals;
    struct script script;
    struct pop_link link;
    struct pop_spare spare = {.spans = NULL};

    (void)state;
    open_script(&script, &link, bytes, 4 * MIB);
    assert_int_equal(begin_lines_of(&link, POP_UNLIMITED_OCTETS), POP_OK);
    read_totals(&link, &totals);
    assert_int_equal(totals.status, POP_OK);
    assert_int_equal(totals.lines, 2);
    assert_uint_in_range(totals.capacity, 3 * MIB, 5 * MIB);
    assert_int_equal(pop_buffer_append(&link.in, "+", 1), POP_OK);
    pop_link_return(&link, &spare);
    assert_int_equal(pop_buffer_length(&link.in), 1);
    assert_null(spare.data);
    pop_buffer_consume(&link.in, 1);
    pop_link_return(&link, &spare);
    assert_int_equal(link.in.capacity, 0);
    assert_null(spare.data);
    pop_link_release_spare(&spare);
    pop_link_release(&link);
    free(bytes);
}

static void
test_links_use_one_memory_in_turn(void **state)
{
    struct pop_spare spare = {.spans = NULL};
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        struct script script;
        struct pop_link link;
        struct totals totals;

        open_script(&script, &link, "a\n.\n", 4);
        if (i > 0) {
            support_fail_allocation(0);
        }
        pop_link_borrow(&link, &spare);
        assert_int_equal(begin_lines_of(&link, 2048), POP_OK);
        read_totals(&link, &totals);
        assert_int_equal(totals.status, POP_OK);
        pop_link_return(&link, &spare);
        assert_false(support_stop_failing());
        assert_int_equal(support_live_blocks(), 2);
        pop_link_release(&link);
    }
    pop_link_release_spare(&spare);
}

static void
test_one_spare_is_kept(void **state)
{
    struct pop_spare spare = {.spans = NULL};
    struct script scripts[2];
    struct pop_link links[2];
    struct totals totals;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        open_script(&scripts[i], &links[i], "a\n.\n", 4);
        pop_link_borrow(&links[i], &spare);
        assert_int_equal(begin_lines_of(&links[i], 99), POP_OK);
        read_totals(&links[i], &totals);
    }
    assert_int_equal(support_live_blocks(), 4);
    for (i = 0; i < 2; i++) {
        pop_link_return(&links[i], &spare);
        assert_int_equal(support_live_blocks(), 4 - 2 * i);
    }
    pop_link_release_spare(&spare);
    assert_int_equal(support_live_blocks(), 0);
}

/* In the midst of a reply, and of a batch, a link keeps what it has. */
static void
test_a_link_in_use_keeps_its_memory(void **state)
{
    struct pop_spare spare = {.spans = NULL};
    struct script script;
    struct pop_link link;

    (void)state;
    open_script(&script, &link, "a\n.\nb", 5);
    assert_int_equal(begin_lines_of(&link, 99), POP_OK);
    pop_link_return(&link, &spare);
    assert_int_equal(pump(&link), POP_OK);
    assert_int_equal(link.reply.part, POP_REPLY_DONE);
    pop_link_return(&link, &spare);
    assert_null(spare.spans);
    assert_int_equal(link.batch.spans[0].length, 1);
    pop_link_take(&link);
    pop_link_return(&link, &spare);
    assert_null(spare.data);
    assert_int_equal(pop_buffer_length(&link.in), 1);
    pop_buffer_consume(&link.in, 1);
    pop_link_return(&link, &spare);
    assert_non_null(spare.data);
    assert_non_null(spare.spans);
    assert_null(link.batch.spans);
    pop_link_release_spare(&spare);
    pop_link_release(&link);
}

/* A line over its limit costs no more memory than the limit, about. */
static void
test_limit_bounds_the_buffer(void **state)
{
    char *bytes = make_lines(4 * MIB, 4 * MIB);
    struct totals totals;
    struct script script;
    struct pop_link link;

    (void)state;
    open_script(&script, &link, bytes, 4 * MIB);
    assert_int_equal(begin_lines_of(&link, 2048), POP_OK);
    read_totals(&link, &totals);
    assert_int_equal(totals.status, POP_TOO_LONG);
    assert_true(totals.capacity <= MIB / 16);
    pop_link_release(&link);
    free(bytes);
}

static void
test_out_buffer_is_trimmed(void **state)
{
    char *bytes = make_lines(MIB, 78);
    struct script script;
    struct pop_link link;
    struct pop_spare spare = {.spans = NULL};
    struct pop_error error;

    (void)state;
    open_script(&script, &link, bytes, MIB);
    assert_int_equal(pop_buffer_append(&link.out, bytes, MIB), POP_OK);
    assert_int_equal(pop_link_flush(&link, &error), POP_OK);
    assert_int_equal(script.sent, MIB);
    pop_link_return(&link, &spare);
    assert_int_equal(link.out.capacity, 0);
    pop_link_release_spare(&spare);
    pop_link_release(&link);
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_every_allocation_can_fail),
        UNIT_TEST(test_buffer_does_not_grow_with_the_message),
        UNIT_TEST(test_buffer_grows_with_a_line_and_is_trimmed),
        UNIT_TEST(test_links_use_one_memory_in_turn),
        UNIT_TEST(test_one_spare_is_kept),
        UNIT_TEST(test_a_link_in_use_keeps_its_memory),
        UNIT_TEST(test_limit_bounds_the_buffer),
        UNIT_TEST(test_out_buffer_is_trimmed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
