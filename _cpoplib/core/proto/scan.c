/* memchr() for line ends, and the grammar of numbers and codes. */

#include "core/proto/scan.h"

#include <assert.h>
#include <string.h>

enum pop_status
pop_scan_line(const char *bytes, size_t length, size_t limit, size_t *searched,
              size_t *octets)
{
    size_t window = length > limit ? limit : length;
    const char *lf = NULL;

    if (window > *searched) {
        lf = memchr(bytes + *searched, '\n', window - *searched);
    }
    if (lf != NULL) {
        *searched = 0;
        *octets = (size_t)(lf - bytes) + 1;
        return POP_OK;
    }
    if (length > limit) {
        return POP_TOO_LONG;
    }
    *searched = window;
    return POP_NEED_INPUT;
}

struct pop_span
pop_scan_strip(const char *bytes, size_t offset, size_t octets)
{
    struct pop_span text = {offset, octets - 1};
    const char *line = bytes + offset;

    assert(octets > 0 && line[octets - 1] == '\n');
    if (text.length > 0 && line[text.length - 1] == '\r') {
        text.length--;
    }
    else if (text.length > 0 && line[0] == '\r') {
        text.offset++;
        text.length--;
    }
    return text;
}

bool
pop_scan_is_terminator(const char *bytes, struct pop_span text)
{
    return text.length == 1 && bytes[text.offset] == '.';
}

bool
pop_scan_unstuff(const char *bytes, struct pop_span *text)
{
    const char *line = bytes + text->offset;

    if (text->length < 2 || line[0] != '.' || line[1] != '.') {
        return false;
    }
    text->offset++;
    text->length--;
    return true;
}

long long
pop_scan_number(const char *bytes, size_t length, size_t *digits)
{
    long long number = 0;
    size_t i = 0;

    *digits = 0;
    for (; i < length && bytes[i] >= '0' && bytes[i] <= '9'; i++) {
        if (i == POP_NUMBER_DIGITS) {
            return -1;
        }
        number = 10 * number + (bytes[i] - '0');
    }
    *digits = i;
    return i == 0 ? -1 : number;
}

bool
pop_scan_begins_with(const char *bytes, size_t length, const char *text)
{
    size_t i;

    for (i = 0; text[i] != '\0'; i++) {
        char c = i < length ? bytes[i] : '\0';

        if (c >= 'a' && c <= 'z') {
            c = (char)(c - 'a' + 'A');
        }
        if (c != text[i]) {
            return false;
        }
    }
    return true;
}
