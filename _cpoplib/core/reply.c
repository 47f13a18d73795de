#include "core/reply.h"

#include <assert.h>

void
pop_reply_begin(struct pop_reply *reply, bool multiline, size_t status_limit,
                size_t line_limit)
{
    reply->part = POP_REPLY_STATUS;
    reply->multiline = multiline;
    reply->status_limit = status_limit;
    reply->line_limit = line_limit;
    reply->size_limit = POP_NO_LIMIT;
    reply->searched = 0;
    reply->octets = 0;
}

void
pop_reply_begin_lines(struct pop_reply *reply, size_t line_limit)
{
    pop_reply_begin(reply, true, 0, line_limit);
    reply->part = POP_REPLY_LINES;
}

static enum pop_status
scan_status(struct pop_reply *reply, const char *bytes, size_t length,
            struct pop_batch *batch)
{
    struct pop_span text;
    size_t octets;
    enum pop_status status;

    assert(batch->count == 0 && batch->scanned == 0);
    status = pop_scan_line(bytes, length, reply->status_limit,
                           &reply->searched, &octets);
    if (status != POP_OK) {
        return status;
    }
    text = pop_scan_strip(bytes, 0, octets);
    batch->spans[0] = text;
    batch->count = 1;
    batch->scanned = octets;
    /* An error has no further lines (RFC 1939, section 3). */
    if (reply->multiline && text.length > 0 && bytes[text.offset] == '+') {
        reply->part = POP_REPLY_LINES;
    }
    else {
        reply->part = POP_REPLY_DONE;
    }
    return POP_OK;
}

/* A line over its limit may be one of a reply that has too many octets. */
static enum pop_status
scan_line(struct pop_reply *reply, const char *bytes, size_t length,
          size_t *octets)
{
    bool small = reply->size_limit < reply->line_limit;
    enum pop_status status;

    status = pop_scan_line(bytes, length,
                           small ? reply->size_limit : reply->line_limit,
                           &reply->searched, octets);
    return small && status == POP_TOO_LONG ? POP_TOO_MUCH : status;
}

static enum pop_status
scan_lines(struct pop_reply *reply, const char *bytes, size_t length,
           struct pop_batch *batch)
{
    while (batch->count < batch->capacity) {
        struct pop_span text;
        size_t octets;
        enum pop_status status;

        status = scan_line(reply, bytes + batch->scanned,
                           length - batch->scanned, &octets);
        if (status != POP_OK) {
            return status;
        }
        text = pop_scan_strip(bytes, batch->scanned, octets);
        batch->scanned += octets;
        if (pop_scan_is_terminator(bytes, text)) {
            reply->part = POP_REPLY_DONE;
            return POP_OK;
        }
        reply->octets += octets - pop_scan_unstuff(bytes, &text);
        if (reply->octets > reply->size_limit) {
            return POP_TOO_MUCH;
        }
        batch->spans[batch->count++] = text;
    }
    return POP_OK;
}

enum pop_status
pop_reply_scan(struct pop_reply *reply, const char *bytes, size_t length,
               struct pop_batch *batch)
{
    assert(batch->capacity > 0);
    switch (reply->part) {
    case POP_REPLY_STATUS:
        return scan_status(reply, bytes, length, batch);
    case POP_REPLY_LINES:
        return scan_lines(reply, bytes, length, batch);
    case POP_REPLY_DONE:
        break;
    }
    return POP_OK;
}
