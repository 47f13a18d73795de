/* Lines and numbers.

   The input: where to cut (2 octets: a bit for each octet); the limit of a
   line (1); and what the server sends. */

#include "core/proto/scan.h"
#include "fuzz.h"

/* Finds the first line's end while it arrives in pieces. */
static enum pop_status
scan_pieces(const struct fuzz_cuts *cuts, size_t limit,
            const struct fuzz_input *input, size_t *octets)
{
    enum pop_status status = POP_NEED_INPUT;
    size_t searched = 0;
    size_t there = 0;

    while (status == POP_NEED_INPUT && there < input->length) {
        there += fuzz_piece(cuts, there, input->length);
        status = pop_scan_line(input->bytes, there, limit, &searched, octets);
        FUZZ_CHECK(searched <= there);
        FUZZ_CHECK(status != POP_OK || searched == 0);
    }
    return status;
}

static void
check_line(const struct fuzz_cuts *cuts, size_t limit,
           const struct fuzz_input *input)
{
    size_t expected = 0;
    size_t octets = 0;
    size_t searched = 0;
    enum pop_status status;
    bool found = false;

    while (expected < input->length && !found) {
        found = input->bytes[expected++] == '\n';
    }
    status = expected > limit ? POP_TOO_LONG : found ? POP_OK : POP_NEED_INPUT;
    FUZZ_CHECK(scan_pieces(cuts, limit, input, &octets) == status);
    FUZZ_CHECK(status != POP_OK || octets == expected);
    FUZZ_CHECK(pop_scan_line(input->bytes, input->length, limit, &searched,
                             &octets) == status);
    FUZZ_CHECK(status != POP_OK || octets == expected);
}

/* poplib's rules, one after the other. */
static void
check_text(const char *line, size_t octets)
{
    struct pop_span text = pop_scan_strip(line, 0, octets);
    size_t start = 0;
    size_t end = octets - 1;
    bool is_stuffed;

    if (end > 0 && line[end - 1] == '\r') {
        end--;
    }
    else if (end > 0 && line[0] == '\r') {
        start++;
    }
    FUZZ_CHECK(text.offset == start && text.length == end - start);
    FUZZ_CHECK(pop_scan_is_terminator(line, text) ==
               (end - start == 1 && line[start] == '.'));
    is_stuffed = end - start > 1 && line[start] == '.' &&
                 line[start + 1] == '.';
    FUZZ_CHECK(pop_scan_unstuff(line, &text) == is_stuffed);
    FUZZ_CHECK(text.offset == start + is_stuffed);
    FUZZ_CHECK(text.offset + text.length == end);
}

static void
check_number(const char *bytes, size_t length)
{
    size_t expected_digits = 0;
    long long expected = 0;
    size_t digits;
    long long number = pop_scan_number(bytes, length, &digits);

    while (expected_digits < length && bytes[expected_digits] >= '0' &&
           bytes[expected_digits] <= '9') {
        expected_digits++;
    }
    if (expected_digits == 0 || expected_digits > 18) {
        FUZZ_CHECK(number == -1 && digits == 0);
        return;
    }
    for (length = 0; length < expected_digits; length++) {
        expected = expected * 10 + (bytes[length] - '0');
    }
    FUZZ_CHECK(number == expected && digits == expected_digits);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_begin(data, size);
    struct fuzz_cuts cuts = {fuzz_take_pair(&input), 1};
    size_t limit = fuzz_limit(fuzz_take(&input));
    size_t start = 0;
    size_t i;

    check_line(&cuts, limit, &input);
    for (i = 0; i < input.length; i++) {
        if (input.bytes[i] == '\n') {
            check_text(input.bytes + start, i + 1 - start);
            start = i + 1;
        }
        if (i == start || input.bytes[i] == ' ') {
            check_number(input.bytes + i, input.length - i);
            check_number(input.bytes + i + 1, input.length - i - 1);
        }
    }
    fuzz_end();
    return 0;
}
