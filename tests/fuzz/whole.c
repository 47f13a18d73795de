/* Replies that may have come as a whole, before any of them is read. */

#include <string.h>

#include "fuzz.h"

/* Whether the reference reads a reply to its end, which has no limits. */
static bool
is_read_to_its_end(enum pop_reply_form form, const char *bytes, size_t length)
{
    static char text[2 * FUZZ_MOST_OCTETS];
    const struct fuzz_plan plan = {.form = form,
                                   .status_limit = POP_UNLIMITED_OCTETS,
                                   .line_limit = POP_UNLIMITED_OCTETS,
                                   .size_limit = POP_UNLIMITED_OCTETS};
    struct fuzz_reading reading;

    fuzz_reading_begin(&reading, text);
    fuzz_reading_expect(&reading, &plan, bytes, length);
    return reading.is_done;
}

/* Octets after the last end of a reply, or all of them. */
static size_t
count_after_end(const char *bytes, size_t length)
{
    size_t i = length > FUZZ_FAR_BACK ? length - FUZZ_FAR_BACK : 0;
    size_t after = length;

    for (; i + 5 <= length; i++) {
        if (memcmp(bytes + i, "\r\n.\r\n", 5) == 0) {
            after = length - i - 5;
        }
    }
    return after;
}

void
fuzz_reading_check_whole(enum pop_reply_form form, const char *bytes,
                         size_t length)
{
    size_t after = pop_reply_after_end(bytes, length);
    size_t start = 0;

    FUZZ_CHECK(pop_reply_is_whole(form, bytes, length) ==
               is_read_to_its_end(form, bytes, length));
    FUZZ_CHECK(after == count_after_end(bytes, length));
    while (start < length - after) {
        const char *lf = memchr(bytes + start, '\n', length - start);

        FUZZ_CHECK(pop_reply_is_whole(form, bytes + start, length - start));
        FUZZ_CHECK(lf != NULL);
        start = (size_t)(lf - bytes) + 1;
    }
}
