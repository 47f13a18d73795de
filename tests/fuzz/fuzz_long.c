/* Replies with lines so long that they are given out in pieces.

   The input: where to cut (2 octets: a bit for each unit of what comes), and
   the unit less 4 KiB (1); how it is read (1: form, what is over the size
   limit dropped, batch taken late); limits of the status line, of a line, of
   all lines (1 each, in KiB); and what the server sends, where an octet from
   0x80 on stands for a run of 1 to 64 KiB of 'x' or, if it is odd, dots; an
   octet less, as many or one more, by turns. */

#include <string.h>

#include "fuzz.h"

#define KIB ((size_t)1024)
#define MOST_OCTETS ((size_t)256 * 1024)

static size_t
in_kib(size_t limit)
{
    return limit == POP_UNLIMITED_OCTETS ? limit : limit * KIB;
}

static size_t
expand(const struct fuzz_input *input, char *bytes)
{
    size_t length = 0;
    size_t i;

    for (i = 0; i < input->length; i++) {
        unsigned octet = (unsigned char)input->bytes[i];
        size_t run = 1;

        if (octet >= 0x80) {
            run = ((octet & 0x7e) / 2 + 1) * KIB + i % 3 - 1;
            octet = octet & 1 ? '.' : 'x';
        }
        if (length + run > MOST_OCTETS) {
            break;
        }
        memset(bytes + length, (int)octet, run);
        length += run;
    }
    return length;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char bytes[MOST_OCTETS];
    struct fuzz_input input = fuzz_begin(data, size);
    unsigned pattern = fuzz_take_pair(&input);
    size_t unit = 4 * KIB + fuzz_take(&input);
    unsigned flags = fuzz_take(&input);
    struct fuzz_plan plan = fuzz_take_plan(&input, flags);
    struct fuzz_feeding feeding = {{pattern, unit}, 2, flags >> 3 & 1};
    size_t length;

    plan.status_limit = in_kib(plan.status_limit);
    plan.line_limit = in_kib(plan.line_limit);
    plan.size_limit = in_kib(plan.size_limit);
    length = expand(&input, bytes);
    fuzz_reading_compare(&plan, &feeding, bytes, length);
    fuzz_reading_check_whole(plan.form, bytes, length);
    fuzz_end();
    return 0;
}
