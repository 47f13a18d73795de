/* Replies: how one is to be read, and what was read. */

#include <string.h>

#include "fuzz.h"

struct fuzz_plan
fuzz_take_plan(struct fuzz_input *input, unsigned flags)
{
    static const enum pop_reply_form forms[] = {POP_NO_LINES, POP_LINES,
                                                POP_OCTETS, POP_LINES};
    struct fuzz_plan plan;

    plan.form = forms[flags & 3];
    plan.lines_only = (flags & 3) == 3;
    plan.drop = flags >> 2 & 1;
    plan.status_limit = fuzz_limit(fuzz_take(input));
    plan.line_limit = fuzz_limit(fuzz_take(input));
    plan.size_limit = fuzz_limit(fuzz_take(input));
    return plan;
}

void
fuzz_plan_begin(const struct fuzz_plan *plan, struct pop_reply *reply)
{
    if (plan->lines_only) {
        pop_reply_begin_lines(reply, plan->line_limit);
    }
    else {
        pop_reply_begin(reply, plan->form, plan->status_limit,
                        plan->line_limit);
    }
    reply->size_limit = plan->size_limit;
}

void
fuzz_reading_begin(struct fuzz_reading *reading, char *text)
{
    memset(reading, 0, sizeof(*reading));
    reading->text = text;
}

/* --- what a batch says -------------------------------------------------- */

static void
check_spans(const struct pop_batch *batch, size_t length)
{
    size_t end = 0;
    size_t i;

    FUZZ_CHECK(batch->count <= batch->capacity);
    FUZZ_CHECK(batch->scanned <= length);
    for (i = 0; i < batch->count; i++) {
        FUZZ_CHECK(batch->spans[i].offset >= end);
        end = batch->spans[i].offset;
        FUZZ_CHECK(batch->spans[i].length <= batch->scanned - end);
        end += batch->spans[i].length;
    }
    FUZZ_CHECK(end <= batch->scanned);
}

void
fuzz_reading_add(struct fuzz_reading *reading, const struct fuzz_plan *plan,
                 const struct pop_reply *reply, const struct pop_batch *batch,
                 const char *bytes, size_t length)
{
    bool is_status = reading->consumed == 0 && !plan->lines_only;
    bool is_text = plan->form != POP_OCTETS || is_status;
    size_t i;

    check_spans(batch, length);
    reading->consumed += batch->scanned;
    reading->is_done = reply->part == POP_REPLY_DONE;
    if (reading->status == POP_TOO_MUCH) {
        return;
    }
    reading->octets = reply->octets;
    for (i = 0; i < batch->count; i++) {
        struct pop_span span = batch->spans[i];

        FUZZ_CHECK(is_text
                       ? memchr(bytes + span.offset, '\n', span.length) == NULL
                       : span.length > 0);
        memcpy(reading->text + reading->length, bytes + span.offset,
               span.length);
        reading->length += span.length;
        if (is_text) {
            reading->text[reading->length++] = '\n';
        }
    }
}

/* --- the reference ------------------------------------------------------ */

/* A line: what it has, in indices. */
struct line {
    size_t octets; /* with its end, if it has one */
    bool has_end;
    size_t start; /* of its text */
    size_t end;
};

/* A CR at the front of a line that may be given out before its end has come
   is no part of the line end before it. */
static struct line
line_at(const char *bytes, size_t length, enum pop_reply_form form)
{
    struct line line = {0};

    while (line.octets < length && !line.has_end) {
        line.has_end = bytes[line.octets++] == '\n';
    }
    line.end = line.octets - line.has_end;
    if (line.has_end && line.end > 0) {
        if (bytes[line.end - 1] == '\r') {
            line.end--;
        }
        else if (bytes[0] == '\r' &&
                 (form != POP_OCTETS || line.octets <= FUZZ_LONG_LINE)) {
            line.start++;
        }
    }
    return line;
}

static bool
is_end_of_reply(const char *bytes, const struct line *line)
{
    return line->has_end && line->end - line->start == 1 &&
           bytes[line->start] == '.';
}

static bool
is_stuffed(const char *bytes, const struct line *line)
{
    return line->end - line->start >= 2 && bytes[line->start] == '.' &&
           bytes[line->start + 1] == '.';
}

static void
add(struct fuzz_reading *reading, const char *bytes, size_t start, size_t end)
{
    memcpy(reading->text + reading->length, bytes + start, end - start);
    reading->length += end - start;
}

/* Adds a line of which all, or for POP_OCTETS some, has come. */
static void
expect_line(struct fuzz_reading *reading, enum pop_reply_form form,
            const char *bytes, const struct line *line)
{
    bool stuffed = is_stuffed(bytes, line);

    reading->octets += line->octets - stuffed;
    if (form == POP_OCTETS) {
        add(reading, bytes, 0, line->start);
        add(reading, bytes, line->start + stuffed, line->octets);
    }
    else {
        add(reading, bytes, line->start + stuffed, line->end);
        reading->text[reading->length++] = '\n';
    }
}

static enum pop_status
expect_status_line(struct fuzz_reading *reading, const struct fuzz_plan *plan,
                   const char *bytes, size_t length)
{
    struct line line = line_at(bytes, length, POP_LINES);

    if (line.octets > plan->status_limit) {
        return POP_TOO_LONG;
    }
    if (!line.has_end) {
        return POP_NEED_INPUT;
    }
    reading->consumed = line.octets;
    add(reading, bytes, line.start, line.end);
    reading->text[reading->length++] = '\n';
    reading->is_done = plan->form == POP_NO_LINES || line.start == line.end ||
                       bytes[line.start] != '+';
    return POP_OK;
}

/* What is wrong with the next line's length, whether or not it has its end. */
static enum pop_status
expect_limits(const struct fuzz_plan *plan, const struct line *line)
{
    size_t beyond = plan->size_limit;

    if (plan->form == POP_OCTETS) {
        return POP_OK;
    }
    /* The end of a reply, or a stuffed dot, does not count. */
    beyond += beyond == POP_UNLIMITED_OCTETS ? 0 : 3;
    if (line->octets > plan->line_limit && plan->line_limit <= beyond) {
        return POP_TOO_LONG;
    }
    return line->octets > beyond ? POP_TOO_MUCH : POP_OK;
}

static enum pop_status
expect_next(struct fuzz_reading *reading, const struct fuzz_plan *plan,
            const char *bytes, size_t length)
{
    struct line line = line_at(bytes, length, plan->form);
    enum pop_status status = expect_limits(plan, &line);

    reading->has_long |= line.octets >= FUZZ_LONG_LINE;
    if (status != POP_OK) {
        return status;
    }
    if (!line.has_end) {
        reading->certain = reading->length;
        if (plan->form == POP_OCTETS && line.octets >= FUZZ_LONG_LINE) {
            expect_line(reading, plan->form, bytes, &line);
        }
        return POP_NEED_INPUT;
    }
    reading->consumed += line.octets;
    if (is_end_of_reply(bytes, &line)) {
        reading->is_done = true;
        return POP_OK;
    }
    if (plan->form == POP_OCTETS ||
        reading->octets + line.octets - is_stuffed(bytes, &line) <=
            plan->size_limit) {
        expect_line(reading, plan->form, bytes, &line);
        return reading->octets > plan->size_limit ? POP_TOO_MUCH : POP_OK;
    }
    return POP_TOO_MUCH;
}

/* Up to the end of the reply, if it has come. */
static void
expect_drop(struct fuzz_reading *reading, const char *bytes, size_t length)
{
    while (!reading->is_done) {
        const char *rest = bytes + reading->consumed;
        struct line line = line_at(rest, length - reading->consumed,
                                   POP_OCTETS);

        reading->has_long |= line.octets >= FUZZ_LONG_LINE;
        if (!line.has_end) {
            return;
        }
        reading->is_done = is_end_of_reply(rest, &line);
        reading->consumed += line.octets;
    }
}

void
fuzz_reading_expect(struct fuzz_reading *reading, const struct fuzz_plan *plan,
                    const char *bytes, size_t length)
{
    reading->status = POP_OK;
    if (!plan->lines_only) {
        reading->status = expect_status_line(reading, plan, bytes, length);
    }
    while (reading->status == POP_OK && !reading->is_done) {
        reading->status = expect_next(reading, plan, bytes + reading->consumed,
                                      length - reading->consumed);
    }
    if (reading->status == POP_TOO_MUCH && plan->drop) {
        expect_drop(reading, bytes, length);
    }
}

/* --- one against the other ---------------------------------------------- */

/* A long line's pieces depend on how it came; then what was given out is as
   much as had to be, and a part of what could be. */
static void
check_long(const struct fuzz_reading *reading,
           const struct fuzz_reading *expected, const struct fuzz_plan *plan)
{
    size_t most = expected->length;
    size_t least = most;

    if (expected->status == POP_NEED_INPUT) {
        least = expected->certain;
        FUZZ_CHECK(reading->status == POP_NEED_INPUT ||
                   (reading->status == POP_TOO_MUCH &&
                    expected->octets > plan->size_limit));
    }
    else {
        FUZZ_CHECK(reading->status == expected->status);
        if (expected->status == POP_TOO_MUCH) {
            FUZZ_CHECK(reading->octets > plan->size_limit);
            least = 0;
        }
    }
    FUZZ_CHECK(reading->length >= least && reading->length <= most);
    FUZZ_CHECK(fuzz_is_equal(reading->text, expected->text, reading->length));
    FUZZ_CHECK(reading->is_done == expected->is_done);
    FUZZ_CHECK(!reading->is_done || reading->consumed == expected->consumed);
}

void
fuzz_reading_check(const struct fuzz_reading *reading,
                   const struct fuzz_reading *expected,
                   const struct fuzz_plan *plan)
{
    if (plan->form == POP_OCTETS && expected->has_long) {
        check_long(reading, expected, plan);
        return;
    }
    FUZZ_CHECK(reading->status == expected->status);
    FUZZ_CHECK(reading->is_done == expected->is_done);
    FUZZ_CHECK(reading->length == expected->length);
    FUZZ_CHECK(fuzz_is_equal(reading->text, expected->text, reading->length));
    /* What is dropped of a long line depends on how it came, too. */
    FUZZ_CHECK(reading->consumed == expected->consumed ||
               (expected->has_long && !expected->is_done));
    if (reading->status == POP_OK || reading->status == POP_NEED_INPUT) {
        FUZZ_CHECK(reading->octets == expected->octets);
        FUZZ_CHECK(reading->octets <= plan->size_limit);
    }
}
