/* The states of a reply: status line, lines, end. */

#include "core/proto/reply.h"

#include <assert.h>
#include <string.h>

/* POP_OCTETS gives out a line of this many octets in pieces. */
#define LONG_LINE ((size_t)64 * 1024)
/* How many octets pop_reply_after_end() searches. */
#define FAR_BACK ((size_t)64 * 1024)

void
pop_reply_begin(struct pop_reply *reply, enum pop_reply_form form,
                size_t status_limit, size_t line_limit)
{
    *reply = (struct pop_reply){
        .part = POP_REPLY_STATUS,
        .form = form,
        .strict = true,
        .after_crlf = true,
        .is_certain = true,
        .announced = -1,
        .status_limit = status_limit,
        .line_limit = line_limit,
        .size_limit = POP_UNLIMITED_OCTETS,
    };
}

size_t
pop_reply_line_limit(size_t line_limit, size_t size_limit)
{
    if (size_limit > POP_UNLIMITED_OCTETS - POP_UNCOUNTED_OCTETS ||
        size_limit + POP_UNCOUNTED_OCTETS > line_limit) {
        return line_limit;
    }
    return size_limit + POP_UNCOUNTED_OCTETS;
}

void
pop_reply_drop(struct pop_reply *reply)
{
    reply->form = POP_OCTETS;
    reply->size_limit = POP_UNLIMITED_OCTETS;
}

/* Returns the octets of the line at `start`, or 0 if it has no end. */
static size_t
line_octets(const char *bytes, size_t start, size_t length)
{
    const char *lf = NULL;

    if (start < length) {
        lf = memchr(bytes + start, '\n', length - start);
    }
    return lf == NULL ? 0 : (size_t)(lf - bytes) + 1 - start;
}

bool
pop_reply_is_whole(enum pop_reply_form form, const char *bytes, size_t length)
{
    size_t octets = line_octets(bytes, 0, length);
    size_t start = 0;
    struct pop_span text;

    if (octets == 0) {
        return false;
    }
    text = pop_scan_strip(bytes, 0, octets);
    if (form == POP_NO_LINES || text.length == 0 ||
        bytes[text.offset] != '+') {
        return true;
    }
    do {
        start += octets;
        octets = line_octets(bytes, start, length);
        if (octets == 0) {
            return false;
        }
        text = pop_scan_strip(bytes, start, octets);
    } while (!pop_scan_is_terminator(bytes, text));
    return true;
}

size_t
pop_reply_after_end(const char *bytes, size_t length)
{
    size_t least = length > FAR_BACK ? length - FAR_BACK : 0;
    size_t end;

    for (end = length; end >= least + 5; end--) {
        if (memcmp(bytes + end - 5, "\r\n.\r\n", 5) == 0) {
            return length - end;
        }
    }
    return length;
}

/* Returns true if the octets, which end in LF, end in CRLF. */
static bool
ends_in_crlf(const char *bytes, size_t octets)
{
    return octets >= 2 && bytes[octets - 2] == '\r';
}

static size_t
count_digits(const char *text, size_t length)
{
    size_t count = 0;

    while (count < length && text[count] >= '0' && text[count] <= '9') {
        count++;
    }
    return count;
}

/* Finds the announced octets.  Some servers write the message's number
   first. */
static void
find_announced(struct pop_reply *reply, const char *text, size_t length)
{
    bool found = false;

    while (length > 0 && !reply->in_octets) {
        size_t digits = count_digits(text, length);
        size_t taken = digits > 0 ? digits : 1;

        if (digits > 0) {
            long long number = pop_scan_number(text, length, &digits);

            reply->in_octets = number >= 0 &&
                               pop_scan_begins_with(text + taken,
                                                    length - taken, " OCTETS");
            if (reply->in_octets || !found) {
                reply->announced = number;
            }
            found = true;
        }
        text += taken;
        length -= taken;
    }
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
    if (reply->form != POP_NO_LINES && text.length > 0 &&
        bytes[text.offset] == '+') {
        reply->part = POP_REPLY_LINES;
        reply->strict = ends_in_crlf(bytes, octets);
        reply->after_crlf = reply->strict;
        find_announced(reply, bytes + text.offset, text.length);
    }
    else {
        reply->part = POP_REPLY_DONE;
    }
    return POP_OK;
}

/* Ends the reply at its terminator, the line of these octets. */
static void
end_at(struct pop_reply *reply, const char *line, size_t octets)
{
    reply->part = POP_REPLY_DONE;
    reply->end_octets = octets;
    reply->is_certain = !reply->strict ||
                        (reply->after_crlf && octets == 3 && line[0] == '.');
}

static enum pop_status
scan_lines(struct pop_reply *reply, const char *bytes, size_t length,
           struct pop_batch *batch)
{
    size_t limit = pop_reply_line_limit(reply->line_limit, reply->size_limit);

    while (batch->count < batch->capacity) {
        size_t start = batch->scanned;
        struct pop_span text;
        size_t octets;
        enum pop_status status;

        status = pop_scan_line(bytes + start, length - start, limit,
                               &reply->searched, &octets);
        if (status != POP_OK) {
            /* The line may be one of a reply that has too many octets. */
            return status == POP_TOO_LONG && limit < reply->line_limit
                       ? POP_TOO_MUCH
                       : status;
        }
        text = pop_scan_strip(bytes, start, octets);
        batch->scanned = start + octets;
        if (pop_scan_is_terminator(bytes, text)) {
            if (start > 0) {
                reply->after_crlf = ends_in_crlf(bytes, start);
            }
            end_at(reply, bytes + start, octets);
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

/* Adds bytes to the batch, which has room for one more span. */
static void
add_octets(struct pop_reply *reply, struct pop_batch *batch, size_t offset,
           size_t length)
{
    struct pop_span *last = batch->count == 0
                                ? NULL
                                : &batch->spans[batch->count - 1];

    reply->octets += length;
    if (last != NULL && last->offset + last->length == offset) {
        last->length += length;
    }
    else if (length > 0) {
        batch->spans[batch->count].offset = offset;
        batch->spans[batch->count].length = length;
        batch->count++;
    }
}

/* Notes whether the octets that were added end a line. */
static void
note_line(struct pop_reply *reply, const char *bytes, size_t octets,
          bool is_whole)
{
    if (is_whole) {
        reply->after_crlf = ends_in_crlf(bytes, octets) ||
                            (octets == 1 && reply->in_cr);
    }
    reply->in_cr = !is_whole && bytes[octets - 1] == '\r';
    reply->in_line = !is_whole;
}

/* Adds a line, or the first part of a long one.  Before the end of a long line
   has come, nothing tells whether a CR at its front is the rest of the line
   end before.  Such a CR never counts as that, so the result does not depend
   on the pieces that arrive. */
static void
add_line(struct pop_reply *reply, const char *bytes, size_t octets,
         bool is_whole, struct pop_batch *batch)
{
    size_t start = batch->scanned;
    struct pop_span text = {start, octets};
    size_t before = 0;

    if (is_whole) {
        text = pop_scan_strip(bytes, start, octets);
        if (pop_scan_is_terminator(bytes, text)) {
            end_at(reply, bytes + start, octets);
            batch->scanned += octets;
            return;
        }
        if (octets <= LONG_LINE) {
            before = text.offset -
                     start; /* the CR of a server that ends lines in LF CR */
        }
        text.offset = start + before;
    }
    if (pop_scan_unstuff(bytes, &text)) {
        add_octets(reply, batch, start, before);
        add_octets(reply, batch, text.offset, octets - before - 1);
    }
    else {
        add_octets(reply, batch, start, octets);
    }
    note_line(reply, bytes + start, octets, is_whole);
    batch->scanned += octets;
}

/* Returns the octets of the whole lines at the front that need no change.  A
   line that begins with a dot, or with the CR of a server that ends lines in
   LF CR, ends the run; a line that exceeds `limit` is its last. */
static size_t
plain_octets(const char *bytes, size_t length, size_t limit)
{
    size_t done = 0;

    while (done < length && done <= limit && bytes[done] != '.' &&
           (bytes[done] != '\r' ||
            (length - done > 1 && bytes[done + 1] == '\n'))) {
        const char *lf = memchr(bytes + done, '\n', length - done);

        if (lf == NULL) {
            break;
        }
        done = (size_t)(lf - bytes) + 1;
    }
    return done;
}

static enum pop_status
scan_octets(struct pop_reply *reply, const char *bytes, size_t length,
            struct pop_batch *batch)
{
    /* A line takes up to two spans. */
    while (reply->part != POP_REPLY_DONE &&
           batch->capacity - batch->count >= 2) {
        size_t left = length - batch->scanned;
        size_t octets = 0;
        enum pop_status status = POP_OK;

        if (!reply->in_line && reply->searched == 0) {
            octets = plain_octets(bytes + batch->scanned, left,
                                  reply->size_limit - reply->octets);
        }
        if (octets > 0) {
            add_octets(reply, batch, batch->scanned, octets);
            note_line(reply, bytes + batch->scanned, octets, true);
            batch->scanned += octets;
            if (reply->octets > reply->size_limit) {
                return POP_TOO_MUCH;
            }
            continue;
        }
        octets = left;
        status = pop_scan_line(bytes + batch->scanned, left,
                               POP_UNLIMITED_OCTETS, &reply->searched,
                               &octets);
        if (status == POP_NEED_INPUT) {
            if (left < LONG_LINE) {
                return status;
            }
            octets = left;
            reply->searched = 0;
        }
        if (reply->in_line) {
            add_octets(reply, batch, batch->scanned, octets);
            note_line(reply, bytes + batch->scanned, octets, status == POP_OK);
            batch->scanned += octets;
        }
        else {
            add_line(reply, bytes, octets, status == POP_OK, batch);
        }
        if (reply->octets > reply->size_limit) {
            return POP_TOO_MUCH;
        }
    }
    return POP_OK;
}

enum pop_status
pop_reply_go_on(struct pop_reply *reply, const char *bytes,
                struct pop_batch *batch)
{
    size_t octets = reply->end_octets;
    size_t start = batch->scanned - octets;

    assert(reply->part == POP_REPLY_DONE && !reply->is_certain);
    assert(batch->count < batch->capacity);
    reply->part = POP_REPLY_LINES;
    reply->after_crlf = ends_in_crlf(bytes + start, octets);
    if (reply->form == POP_OCTETS) {
        add_octets(reply, batch, start, octets);
    }
    else {
        batch->spans[batch->count++] = pop_scan_strip(bytes, start, octets);
        reply->octets += octets;
    }
    return reply->octets > reply->size_limit ? POP_TOO_MUCH : POP_OK;
}

enum pop_status
pop_reply_scan(struct pop_reply *reply, const char *bytes, size_t length,
               struct pop_batch *batch)
{
    enum pop_status status;

    assert(batch->capacity >= (reply->form == POP_OCTETS ? 2 : 1));
    switch (reply->part) {
    case POP_REPLY_STATUS:
        return scan_status(reply, bytes, length, batch);
    case POP_REPLY_LINES:
        if (reply->form == POP_OCTETS) {
            return scan_octets(reply, bytes, length, batch);
        }
        status = scan_lines(reply, bytes, length, batch);
        /* The caller may take the batch before the next scan. */
        if (reply->part == POP_REPLY_LINES && batch->scanned > 0) {
            reply->after_crlf = ends_in_crlf(bytes, batch->scanned);
        }
        return status;
    case POP_REPLY_DONE:
        break;
    }
    return POP_OK;
}
