#include "core/proto/base64.h"

#define NO_DIGIT 64

size_t
pop_base64_encoded(size_t octets)
{
    return (octets + 2) / 3 * 4;
}

size_t
pop_base64_decoded(size_t characters)
{
    return characters / 4 * 3;
}

void
pop_base64_encode(const void *data, size_t length, char *text)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;
    size_t i;

    for (i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned int group = (unsigned int)bytes[i] << 16;

        if (left > 1) {
            group |= (unsigned int)bytes[i + 1] << 8;
        }
        if (left > 2) {
            group |= bytes[i + 2];
        }
        *text++ = digits[group >> 18];
        *text++ = digits[group >> 12 & 63];
        *text++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *text++ = left > 2 ? digits[group & 63] : '=';
    }
}

static unsigned int
digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (unsigned int)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (unsigned int)(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return (unsigned int)(c - '0') + 52;
    }
    if (c == '+') {
        return 62;
    }
    return c == '/' ? 63 : NO_DIGIT;
}

/* Padding at the end: 0, 1 or 2 characters. */
static size_t
count_padding(const char *text, size_t length)
{
    size_t padding = 0;

    while (padding < 2 && padding < length &&
           text[length - 1 - padding] == '=') {
        padding++;
    }
    return padding;
}

bool
pop_base64_decode(const char *text, size_t length, unsigned char *data,
                  size_t *octets)
{
    size_t padding = count_padding(text, length);
    unsigned int group = 0;
    size_t written = 0;
    size_t i;

    *octets = 0;
    if (length % 4 != 0) {
        return false;
    }
    for (i = 0; i < length; i++) {
        unsigned int value = i < length - padding ? digit_value(text[i]) : 0;

        if (value == NO_DIGIT) {
            return false;
        }
        group = group << 6 | value;
        if (i % 4 == 3) {
            data[written++] = (unsigned char)(group >> 16 & 0xff);
            data[written++] = (unsigned char)(group >> 8 & 0xff);
            data[written++] = (unsigned char)(group & 0xff);
        }
    }
    *octets = written - padding;
    return true;
}
