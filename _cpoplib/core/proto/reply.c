#include "core/proto/reply.h"

#include <assert.h>
#include <string.h>

/* A line of so many octets is given out in pieces (POP_OCTETS). */
#define LONG_LINE ((size_t)64 * 1024)
/* So far back the end of a reply is looked for. */
#define FAR_BACK ((size_t)64 * 1024)

void
pop_reply_begin(struct pop_reply *reply, enum pop_reply_form form,
                size_t status_limit, size_t line_limit)
{
    reply->part = POP_REPLY_STATUS;
    reply->form = form;
    reply->in_line = false;
    reply->in_cr = false;
    reply->strict = true;
    reply->after_crlf = true;
    reply->is_certain = true;
    reply->end_octets = 0;
    reply->announced = -1;
    reply->in_octets = false;
    reply->status_limit = status_limit;
    reply->line_limit = line_limit;
    reply->size_limit = POP_UNLIMITED_OCTETS;
    reply->searched = 0;
    reply->octets = 0;
}

void
pop_reply_begin_lines(struct pop_reply *reply, size_t line_limit)
{
    pop_reply_begin(reply, POP_LINES, 0, line_limit);
    reply->part = POP_REPLY_LINES;
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

/* Octets of the line at `start`, or 0. */
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
pop_reply_behind_end(const char *bytes, size_t length)
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

/* Whether these octets, which end in LF, end in CRLF. */
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

/* Some servers write the message's number first. */
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

/* The line of these octets is the terminator. */
static void
end_at(struct pop_reply *reply, const char *line, size_t octets)
{
    reply->part = POP_REPLY_DONE;
    reply->end_octets = octets;
    reply->is_certain = !reply->strict ||
                        (reply->after_crlf && octets == 3 && line[0] == '.');
}

/* A line over its limit may be one of a reply that has too many octets. */
static enum pop_status
scan_line(struct pop_reply *reply, const char *bytes, size_t length,
          size_t *octets)
{
    size_t limit = pop_reply_line_limit(reply->line_limit, reply->size_limit);
    enum pop_status status;

    status = pop_scan_line(bytes, length, limit, &reply->searched, octets);
    return limit < reply->line_limit && status == POP_TOO_LONG ? POP_TOO_MUCH
                                                               : status;
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
            end_at(reply, bytes + batch->scanned - octets, octets);
            return POP_OK;
        }
        reply->after_crlf = text.offset + text.length + 2 == batch->scanned;
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

/* How the octets that were added end: in a line end, or within a line. */
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

/* Adds a line, or the first part of one that is longer than what is there.
   Of a long one nobody knows, before its end has come, whether a CR at the
   front is the rest of the line end before it.  It never is, so that what is
   given out does not depend on how it came. */
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
            before = text.offset - start; /* the CR of a server that ends
                                             lines in LF CR */
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

/* Octets of the whole lines at the front that are given out as they are: one
   that begins with a dot ends the run, and so does one that is a server's who
   ends lines in LF CR; and one that goes over `limit` does so behind it. */
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
    assert(batch->capacity >= (reply->form == POP_OCTETS ? 2 : 1));
    switch (reply->part) {
    case POP_REPLY_STATUS:
        return scan_status(reply, bytes, length, batch);
    case POP_REPLY_LINES:
        if (reply->form == POP_OCTETS) {
            return scan_octets(reply, bytes, length, batch);
        }
        return scan_lines(reply, bytes, length, batch);
    case POP_REPLY_DONE:
        break;
    }
    return POP_OK;
}
