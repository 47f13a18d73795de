#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_memory.h"

_Noreturn void
fuzz_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

struct fuzz_input
fuzz_begin(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {(const char *)data, size};

    support_reset_memory();
    return input;
}

void
fuzz_end(void)
{
    FUZZ_CHECK(support_live_blocks() == 0);
}

unsigned
fuzz_take(struct fuzz_input *input)
{
    if (input->length == 0) {
        return 0;
    }
    input->length--;
    return (unsigned char)*input->bytes++;
}

unsigned
fuzz_take_pair(struct fuzz_input *input)
{
    unsigned first = fuzz_take(input);

    return first | fuzz_take(input) << 8;
}

struct fuzz_input
fuzz_take_bytes(struct fuzz_input *input, size_t length)
{
    struct fuzz_input part = {input->bytes, length};

    if (part.length > input->length) {
        part.length = input->length;
    }
    input->bytes += part.length;
    input->length -= part.length;
    return part;
}

size_t
fuzz_limit(unsigned octet)
{
    return octet == 0xff ? POP_UNLIMITED_OCTETS : octet;
}

size_t
fuzz_piece(const struct fuzz_cuts *cuts, size_t start, size_t length)
{
    size_t unit = start / cuts->unit;

    for (; (unit + 1) * cuts->unit < length; unit++) {
        if (cuts->pattern >> unit % 16 & 1) {
            return (unit + 1) * cuts->unit - start;
        }
    }
    return length - start;
}

bool
fuzz_is_equal(const char *a, const char *b, size_t length)
{
    return length == 0 || memcmp(a, b, length) == 0;
}
