/* Replies, in every segmentation.

   The input: where to cut (2 octets: a bit for each octet of what comes); how
   it is read (1: form, what is over the size limit dropped, batch taken late,
   spans of a batch); limits of the status line, of a line, of all lines (1
   each); and what the server sends. */

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_begin(data, size);
    unsigned pattern = fuzz_take_pair(&input);
    unsigned flags = fuzz_take(&input);
    struct fuzz_plan plan = fuzz_take_plan(&input, flags);
    struct fuzz_feeding feeding = {
        {pattern, 1}, 1 + (flags >> 4) % FUZZ_MOST_SPANS, flags >> 3 & 1};

    if (feeding.spans == 1 && (plan.drop || plan.form == POP_OCTETS)) {
        feeding.spans = 2;
    }
    if (input.length <= FUZZ_MOST_OCTETS) {
        fuzz_reading_compare(&plan, &feeding, input.bytes, input.length);
        fuzz_reading_check_whole(plan.form, input.bytes, input.length);
    }
    fuzz_end();
    return 0;
}
