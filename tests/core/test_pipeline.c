#include "core/proto/pipeline.h"

#include "support.h"

static int owners[3];

static void
push(struct pop_pipeline *pipeline, size_t octets, void *owner)
{
    const struct pop_expected reply = {
        .form = POP_OCTETS, .octets = octets, .owner = owner};

    assert_int_equal(pop_pipeline_push(pipeline, &reply), POP_OK);
}

static void *
pop(struct pop_pipeline *pipeline)
{
    pop_pipeline_begin(pipeline);
    assert_true(pipeline->begun);
    return pop_pipeline_pop(pipeline);
}

static void
test_order_is_kept_while_it_grows(void **state)
{
    struct pop_pipeline pipeline;
    size_t in = 0;
    size_t out = 0;
    size_t round;

    (void)state;
    pop_pipeline_init(&pipeline);
    for (round = 0; round < 200; round++) {
        size_t i;

        for (i = 0; i < 3; i++) {
            push(&pipeline, in, &owners[in % 3]);
            in++;
        }
        for (i = 0; i < 2; i++) {
            assert_int_equal(pop_pipeline_next(&pipeline)->octets, out);
            assert_ptr_equal(pop(&pipeline), &owners[out % 3]);
            out++;
        }
        assert_int_equal(pipeline.count, in - out);
        assert_int_equal(pipeline.sent, in);
    }
    pop_pipeline_release(&pipeline);
    assert_null(pop_pipeline_next(&pipeline));
}

static void
test_octets_and_commands_are_counted(void **state)
{
    struct pop_pipeline pipeline;

    (void)state;
    pop_pipeline_init(&pipeline);
    push(&pipeline, 8, NULL);
    push(&pipeline, 9, NULL);
    assert_int_equal(pipeline.octets, 17);
    (void)pop(&pipeline);
    assert_int_equal(pipeline.octets, 9);
    assert_int_equal(pipeline.sent, 2);
    (void)pop(&pipeline);
    assert_int_equal(pipeline.octets, 0);
    push(&pipeline, 1, NULL);
    assert_int_equal(pipeline.sent, 1);
    pop_pipeline_release(&pipeline);
}

static void
test_no_reply_begins_where_none_is_to_come(void **state)
{
    struct pop_pipeline pipeline;

    (void)state;
    pop_pipeline_init(&pipeline);
    pop_pipeline_begin(&pipeline);
    assert_false(pipeline.begun);
    pop_pipeline_disown(&pipeline, &owners[0]);
    pop_pipeline_release(&pipeline);
}

static void
test_disown(void **state)
{
    struct pop_pipeline pipeline;

    (void)state;
    pop_pipeline_init(&pipeline);
    push(&pipeline, 1, &owners[0]);
    push(&pipeline, 1, &owners[1]);
    push(&pipeline, 1, &owners[0]);
    pop_pipeline_disown(&pipeline, &owners[0]);
    assert_null(pop(&pipeline));
    assert_ptr_equal(pop(&pipeline), &owners[1]);
    assert_null(pop(&pipeline));
    pop_pipeline_release(&pipeline);
}

static void
test_replies_of_one_line_are_told_apart(void **state)
{
    const struct pop_expected line = {.form = POP_NO_LINES, .octets = 5};
    struct pop_pipeline pipeline;

    (void)state;
    pop_pipeline_init(&pipeline);
    push(&pipeline, 5, NULL);
    assert_true(pop_pipeline_all_have_lines(&pipeline));
    assert_int_equal(pop_pipeline_push(&pipeline, &line), POP_OK);
    push(&pipeline, 5, NULL);
    assert_false(pop_pipeline_all_have_lines(&pipeline));
    (void)pop(&pipeline);
    assert_false(pop_pipeline_all_have_lines(&pipeline));
    (void)pop(&pipeline);
    assert_true(pop_pipeline_all_have_lines(&pipeline));
    pop_pipeline_release(&pipeline);
}

static void
test_no_memory_changes_nothing(void **state)
{
    const struct pop_expected reply = {.form = POP_LINES, .octets = 5};
    struct pop_pipeline pipeline;

    (void)state;
    pop_pipeline_init(&pipeline);
    for (;;) {
        size_t count = pipeline.count;
        enum pop_status status;

        support_fail_allocation(0);
        status = pop_pipeline_push(&pipeline, &reply);
        if (support_stop_failing()) {
            assert_int_equal(status, POP_NO_MEMORY);
            assert_int_equal(pipeline.count, count);
            assert_int_equal(pipeline.octets, 5 * count);
            push(&pipeline, 5, NULL);
        }
        else {
            assert_int_equal(status, POP_OK);
        }
        if (pipeline.count > 200) {
            break;
        }
    }
    pop_pipeline_release(&pipeline);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_order_is_kept_while_it_grows),
        UNIT_TEST(test_octets_and_commands_are_counted),
        UNIT_TEST(test_no_reply_begins_where_none_is_to_come),
        UNIT_TEST(test_disown),
        UNIT_TEST(test_replies_of_one_line_are_told_apart),
        UNIT_TEST(test_no_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
