#include "core/proto/buffer.h"

#include <string.h>

#include "support.h"

static void
assert_holds(const struct pop_buffer *buffer, const char *text)
{
    assert_int_equal(pop_buffer_length(buffer), strlen(text));
    assert_memory_equal(pop_buffer_bytes(buffer), text, strlen(text));
}

static void
append(struct pop_buffer *buffer, const char *text)
{
    assert_int_equal(pop_buffer_append(buffer, text, strlen(text)), POP_OK);
}

static void
test_empty_buffer_owns_nothing(void **state)
{
    struct pop_buffer buffer;

    (void)state;
    pop_buffer_init(&buffer, POP_BUFFER_NO_CAP);
    assert_holds(&buffer, "");
    assert_non_null(pop_buffer_bytes(&buffer));
    assert_int_equal(pop_buffer_room(&buffer), 0);
    assert_int_equal(pop_buffer_reserve(&buffer, 0), POP_OK);
    assert_int_equal(pop_buffer_append(&buffer, NULL, 0), POP_OK);
    pop_buffer_consume(&buffer, 0);
    assert_null(buffer.data);
}

static void
test_bytes_come_out_in_order(void **state)
{
    struct pop_buffer buffer;

    (void)state;
    pop_buffer_init(&buffer, POP_BUFFER_NO_CAP);
    append(&buffer, "STAT");
    append(&buffer, "\r\n");
    assert_holds(&buffer, "STAT\r\n");
    pop_buffer_consume(&buffer, 4);
    assert_holds(&buffer, "\r\n");
    append(&buffer, "LIST");
    assert_holds(&buffer, "\r\nLIST");
    pop_buffer_consume(&buffer, 6);
    assert_holds(&buffer, "");
    pop_buffer_release(&buffer);
}

static void
test_space_is_written_and_committed(void **state)
{
    struct pop_buffer buffer;

    (void)state;
    pop_buffer_init(&buffer, POP_BUFFER_NO_CAP);
    append(&buffer, "+");
    assert_int_equal(pop_buffer_reserve(&buffer, 8), POP_OK);
    assert_true(pop_buffer_room(&buffer) >= 8);
    memset(pop_buffer_space(&buffer), 'x', pop_buffer_room(&buffer));
    memcpy(pop_buffer_space(&buffer), "OK", 2);
    assert_holds(&buffer, "+");
    pop_buffer_commit(&buffer, 2);
    assert_holds(&buffer, "+OK");
    pop_buffer_release(&buffer);
}

static void
test_consumed_space_is_reused_before_growing(void **state)
{
    struct pop_buffer buffer;
    size_t capacity;

    (void)state;
    pop_buffer_init(&buffer, POP_BUFFER_NO_CAP);
    assert_int_equal(pop_buffer_reserve(&buffer, 8), POP_OK);
    append(&buffer, "abcdefgh");
    capacity = buffer.capacity;
    pop_buffer_consume(&buffer, 6);
    assert_int_equal(pop_buffer_reserve(&buffer, capacity - 2), POP_OK);
    assert_int_equal(buffer.capacity, capacity);
    assert_holds(&buffer, "gh");
    assert_int_equal(pop_buffer_reserve(&buffer, capacity - 1), POP_OK);
    assert_true(buffer.capacity > capacity);
    assert_holds(&buffer, "gh");
    pop_buffer_release(&buffer);
}

static void
test_capacity_grows_at_least_by_half(void **state)
{
    struct pop_buffer buffer;
    int growths = 0;

    (void)state;
    pop_buffer_init(&buffer, POP_BUFFER_NO_CAP);
    assert_int_equal(pop_buffer_reserve(&buffer, 16), POP_OK);
    while (pop_buffer_length(&buffer) < 100000) {
        size_t before = buffer.capacity;

        append(&buffer, "x");
        if (buffer.capacity != before) {
            assert_true(buffer.capacity >= before + before / 2);
            growths++;
        }
    }
    assert_uint_in_range(growths, 1, 22);
    pop_buffer_release(&buffer);
}

static void
test_cap_is_exact(void **state)
{
    struct pop_buffer buffer;

    (void)state;
    pop_buffer_init(&buffer, 10);
    append(&buffer, "1234567");
    assert_int_equal(pop_buffer_reserve(&buffer, 4), POP_TOO_LONG);
    assert_int_equal(pop_buffer_append(&buffer, "890a", 4), POP_TOO_LONG);
    assert_holds(&buffer, "1234567");
    assert_int_equal(pop_buffer_reserve(&buffer, 3), POP_OK);
    append(&buffer, "890");
    assert_int_equal(buffer.capacity, 10);
    assert_int_equal(pop_buffer_reserve(&buffer, 1), POP_TOO_LONG);
    assert_holds(&buffer, "1234567890");
    pop_buffer_consume(&buffer, 1);
    append(&buffer, "a");
    assert_holds(&buffer, "234567890a");
    pop_buffer_release(&buffer);

    pop_buffer_init(&buffer, 0);
    assert_int_equal(pop_buffer_reserve(&buffer, 0), POP_OK);
    assert_int_equal(pop_buffer_reserve(&buffer, 1), POP_TOO_LONG);
}

static void
test_growth_ends_at_the_cap(void **state)
{
    struct pop_buffer buffer;
    size_t i;

    (void)state;
    pop_buffer_init(&buffer, 1000);
    assert_int_equal(pop_buffer_reserve(&buffer, 700), POP_OK);
    for (i = 0; i < 1000; i++) {
        append(&buffer, "x");
        assert_int_equal(buffer.capacity, i < 700 ? 700 : 1000);
    }
    assert_int_equal(pop_buffer_append(&buffer, "x", 1), POP_TOO_LONG);
    pop_buffer_release(&buffer);
}

static void
test_sizes_do_not_overflow(void **state)
{
    struct pop_buffer buffer;

    (void)state;
    pop_buffer_init(&buffer, POP_BUFFER_NO_CAP);
    append(&buffer, "x");
    assert_int_equal(pop_buffer_reserve(&buffer, SIZE_MAX), POP_TOO_LONG);
    assert_int_equal(pop_buffer_reserve(&buffer, POP_BUFFER_NO_CAP),
                     POP_TOO_LONG);
    support_fail_allocation(0);
    assert_int_equal(pop_buffer_reserve(&buffer, POP_BUFFER_NO_CAP - 1),
                     POP_NO_MEMORY);
    assert_true(support_stop_failing());
    assert_holds(&buffer, "x");
    pop_buffer_release(&buffer);
}

static void
test_buffer_survives_a_failed_allocation(void **state)
{
    struct pop_buffer buffer;

    (void)state;
    pop_buffer_init(&buffer, POP_BUFFER_NO_CAP);
    support_fail_allocation(0);
    assert_int_equal(pop_buffer_reserve(&buffer, 4), POP_NO_MEMORY);
    assert_true(support_stop_failing());
    assert_holds(&buffer, "");
    append(&buffer, "abcd");
    pop_buffer_consume(&buffer, 1);
    support_fail_allocation(0);
    assert_int_equal(pop_buffer_append(&buffer, "0123456789", 10),
                     POP_NO_MEMORY);
    assert_true(support_stop_failing());
    assert_holds(&buffer, "bcd");
    append(&buffer, "0123456789");
    assert_holds(&buffer, "bcd0123456789");
    pop_buffer_release(&buffer);
}

static void
test_release_leaves_an_empty_buffer(void **state)
{
    struct pop_buffer buffer;

    (void)state;
    pop_buffer_init(&buffer, 4);
    append(&buffer, "abcd");
    pop_buffer_release(&buffer);
    assert_holds(&buffer, "");
    assert_null(buffer.data);
    assert_int_equal(pop_buffer_append(&buffer, "abcde", 5), POP_TOO_LONG);
    append(&buffer, "efgh");
    assert_holds(&buffer, "efgh");
    pop_buffer_release(&buffer);
    pop_buffer_release(&buffer);
}

static void
test_trim_keeps_unread_bytes_and_small_buffers(void **state)
{
    struct pop_buffer buffer;

    (void)state;
    pop_buffer_init(&buffer, POP_BUFFER_NO_CAP);
    assert_int_equal(pop_buffer_reserve(&buffer, 100), POP_OK);
    append(&buffer, "x");
    pop_buffer_trim(&buffer, 10);
    assert_holds(&buffer, "x");
    pop_buffer_consume(&buffer, 1);
    pop_buffer_trim(&buffer, buffer.capacity);
    assert_non_null(buffer.data);
    pop_buffer_trim(&buffer, buffer.capacity - 1);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
    append(&buffer, "y");
    assert_holds(&buffer, "y");
    pop_buffer_release(&buffer);
}

static uint32_t
next_random(uint32_t *seed)
{
    *seed = *seed * UINT32_C(1664525) + UINT32_C(1013904223);
    return *seed >> 16;
}

/* Byte n of the stream; a prime period shows any slip. */
static char
stream_byte(size_t n)
{
    return (char)(n % 251);
}

static void
test_long_random_use(void **state)
{
    struct pop_buffer buffer;
    size_t written = 0;
    size_t read = 0;
    uint32_t seed = 1939;
    int step;

    (void)state;
    pop_buffer_init(&buffer, 5000);
    for (step = 0; step < 20000; step++) {
        size_t length = next_random(&seed) % 400;
        size_t i;

        if (next_random(&seed) % 2 == 0) {
            char bytes[400];
            enum pop_status status;

            for (i = 0; i < length; i++) {
                bytes[i] = stream_byte(written + i);
            }
            status = pop_buffer_append(&buffer, bytes, length);
            if (written - read + length > 5000) {
                assert_int_equal(status, POP_TOO_LONG);
                continue;
            }
            assert_int_equal(status, POP_OK);
            written += length;
        }
        else {
            if (length > written - read) {
                length = written - read;
            }
            for (i = 0; i < length; i++) {
                assert_int_equal(pop_buffer_bytes(&buffer)[i],
                                 stream_byte(read + i));
            }
            pop_buffer_consume(&buffer, length);
            read += length;
        }
        assert_int_equal(pop_buffer_length(&buffer), written - read);
    }
    assert_true(read > 1000000);
    pop_buffer_release(&buffer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_empty_buffer_owns_nothing),
        UNIT_TEST(test_bytes_come_out_in_order),
        UNIT_TEST(test_space_is_written_and_committed),
        UNIT_TEST(test_consumed_space_is_reused_before_growing),
        UNIT_TEST(test_capacity_grows_at_least_by_half),
        UNIT_TEST(test_cap_is_exact),
        UNIT_TEST(test_growth_ends_at_the_cap),
        UNIT_TEST(test_sizes_do_not_overflow),
        UNIT_TEST(test_buffer_survives_a_failed_allocation),
        UNIT_TEST(test_release_leaves_an_empty_buffer),
        UNIT_TEST(test_trim_keeps_unread_bytes_and_small_buffers),
        UNIT_TEST(test_long_random_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
