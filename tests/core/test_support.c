/* What the other tests rely on would otherwise fail silently. */

#include "support.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/proto/mem.h"

/* Whether a process that reads this byte ends as it should. */
static bool
can_read(const volatile char *byte)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        /* The sanitizer's report of a fault that is wanted. */
        (void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        (void)*byte;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
test_a_page_ends_with_its_bytes(void **state)
{
    static const size_t lengths[] = {0, 1, 5, 4095, 4096, 4097, 70000};
    static char bytes[70000];
    size_t i;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    for (i = 0; i < COUNT_OF(lengths); i++) {
        struct support_page page = support_page_new(bytes, lengths[i]);

        assert_memory_equal(page.bytes, bytes, lengths[i]);
        assert_false(can_read(page.bytes + lengths[i]));
        if (lengths[i] > 0) {
            assert_true(can_read(page.bytes + lengths[i] - 1));
        }
        support_page_free(&page);
    }
}

static void
test_the_chosen_allocation_fails(void **state)
{
    void *blocks[3];
    size_t i;

    (void)state;
    support_fail_allocation(1);
    for (i = 0; i < COUNT_OF(blocks); i++) {
        blocks[i] = POP_MALLOC(8);
        assert_true((blocks[i] == NULL) == (i == 1));
    }
    assert_true(support_stop_failing());
    for (i = 0; i < COUNT_OF(blocks); i++) {
        POP_FREE(blocks[i]);
    }
    support_fail_allocation(0);
    assert_false(support_stop_failing());
}

static void
test_a_failed_reallocation_leaves_the_block(void **state)
{
    char *block = POP_MALLOC(2);

    (void)state;
    memcpy(block, "x", 2);
    support_fail_allocation(0);
    assert_null(POP_REALLOC(block, 100));
    assert_true(support_stop_failing());
    assert_string_equal(block, "x");
    POP_FREE(block);
}

static void
test_a_leak_is_found(void **state)
{
    void *block = POP_MALLOC(8);

    assert_int_not_equal(support_teardown(state), 0);
    POP_FREE(block);
    assert_int_equal(support_teardown(state), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_a_page_ends_with_its_bytes),
        UNIT_TEST(test_the_chosen_allocation_fails),
        UNIT_TEST(test_a_failed_reallocation_leaves_the_block),
        UNIT_TEST(test_a_leak_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
