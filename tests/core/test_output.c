#include "core/net/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

#define PIECES 1000
#define PIECE 1000

/* Every other thousand of the bytes. */
static char *
make_spans(struct pop_span *spans)
{
    char *bytes = malloc((size_t)2 * PIECES * PIECE);
    size_t i;

    assert_non_null(bytes);
    for (i = 0; i < PIECES; i++) {
        spans[i].offset = 2 * i * PIECE;
        spans[i].length = PIECE;
        memset(bytes + spans[i].offset, (int)(i % 251), PIECE);
    }
    return bytes;
}

static size_t
read_pieces(int fd, size_t from)
{
    char octets[65536];
    ssize_t count = read(fd, octets, sizeof(octets));
    ssize_t i;

    for (i = 0; i < count; i++) {
        assert_int_equal((unsigned char)octets[i],
                         (from + (size_t)i) / PIECE % 251);
    }
    return count > 0 ? (size_t)count : 0;
}

/* A pipe takes a part at a time, also of a span. */
static void
test_goes_on_where_it_stopped(void **state)
{
    struct pop_span spans[PIECES];
    struct pop_error error;
    int ends[2];
    struct pop_output output = {.spans = spans, .count = PIECES};
    char *bytes = make_spans(spans);
    size_t received = 0;
    unsigned stops = 0;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    output.fd = ends[1];
    output.bytes = bytes;
    while (output.done < output.count) {
        if (pop_output_write(&output, &error) == POP_SYSTEM) {
            assert_int_equal(error.sys, EAGAIN);
            received += read_pieces(ends[0], received);
            stops++;
        }
    }
    assert_true(stops > 3);
    assert_int_equal(close(ends[1]), 0);
    while (received < (size_t)PIECES * PIECE) {
        size_t more = read_pieces(ends[0], received);

        assert_true(more > 0);
        received += more;
    }
    assert_int_equal(close(ends[0]), 0);
    free(bytes);
}

static void
test_failure(void **state)
{
    struct pop_span span = {0, 1};
    struct pop_output output = {-1, "a", &span, 1, 0, 0};
    struct pop_error error;

    (void)state;
    assert_int_equal(pop_output_write(&output, &error), POP_SYSTEM);
    assert_int_equal(error.sys, EBADF);
    assert_int_equal(output.done, 0);
}

/* It may have been a signal that has cut it short: the host looks. */
static void
test_one_call_at_a_time(void **state)
{
    struct pop_span span = {0, (size_t)2 * PIECES * PIECE};
    struct pop_error error;
    int ends[2];
    char *bytes = calloc(span.length, 1);
    struct pop_output output = {-1, bytes, &span, 1, 0, 0};

    (void)state;
    assert_non_null(bytes);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    output.fd = ends[1];
    assert_int_equal(pop_output_write(&output, &error), POP_OK);
    assert_int_equal(output.done, 0);
    assert_uint_in_range(output.part, 1, span.length - 1);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_goes_on_where_it_stopped),
        UNIT_TEST(test_failure),
        UNIT_TEST(test_one_call_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
