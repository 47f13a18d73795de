/* Pump: the one loop that receives, and the end of a reply. */

#include "core/net/link.h"

#include "core/proto/mem.h"

#define OCTETS_PER_TURN ((size_t)4 * 1024 * 1024)
#define RECEIVES_PER_TURN 16

/* How long silence must last after an uncertain end.  Longer than the
   retransmission of a lost segment (200 ms and a round trip). */
#define QUIET (POP_NS_PER_SECOND * 3 / 10)
/* How long silence must last if the server has announced more octets than have
   come. */
#define LONG_QUIET (POP_NS_PER_SECOND * 1)

enum pop_status
pop_link_begin(struct pop_link *link, enum pop_reply_form form,
               size_t status_limit, size_t line_limit)
{
    struct pop_batch *batch = &link->batch;

    pop_reply_begin(&link->reply, form, status_limit, line_limit);
    link->end_rule = POP_END_AT_ONCE;
    link->is_sent = false;
    pop_deadline_clear(&link->quiet);
    batch->count = 0;
    batch->scanned = 0;
    if (batch->spans == NULL) {
        batch->spans = POP_MALLOC(batch->capacity * sizeof(*batch->spans));
        if (batch->spans == NULL) {
            return POP_NO_MEMORY;
        }
    }
    return POP_OK;
}

static enum pop_status
scan(struct pop_link *link)
{
    return pop_reply_scan(&link->reply, pop_buffer_bytes(&link->in),
                          pop_buffer_length(&link->in), &link->batch);
}

/* Returns true if settle() must decide: the end may be a line of a message, or
   the end of another reply. */
static bool
is_unsettled(const struct pop_link *link)
{
    return link->reply.part == POP_REPLY_DONE &&
           (!link->reply.is_certain ||
            (link->ends.doubtful && link->end_rule == POP_END_IF_QUIET));
}

enum pop_status
pop_link_scan(struct pop_link *link)
{
    enum pop_status status = scan(link);

    return status == POP_OK && is_unsettled(link) ? POP_NEED_INPUT : status;
}

/* Returns true if bytes follow the batch.  A lone CR does not count (see
   pop_link_has_unread()). */
static bool
is_followed(const struct pop_link *link)
{
    size_t behind = pop_buffer_length(&link->in) - link->batch.scanned;

    return behind > 1 ||
           (behind == 1 &&
            pop_buffer_bytes(&link->in)[link->batch.scanned] != '\r');
}

/* Returns true if the reply has exactly the octets that its status line
   announces, and the announcement is trusted.  After a doubtful end, the
   status line may be a line of a message. */
static bool
is_as_announced(const struct pop_link *link)
{
    const struct pop_reply *reply = &link->reply;

    return !link->ends.doubtful && !link->ends.misannounced &&
           reply->in_octets &&
           (unsigned long long)reply->announced == reply->octets;
}

/* Does what listen() does without waiting; the first call starts the clock.
   Returns POP_WANT_READ, in place of each status that says so, before the
   duration is over. */
static enum pop_status
listen_polled(struct pop_link *link, int64_t duration, struct pop_error *error)
{
    enum pop_status status = pop_link_fill(link, error);

    if (!pop_link_must_wait(link, status)) {
        pop_deadline_clear(&link->quiet);
        return status;
    }
    if (link->quiet.at == POP_NO_DEADLINE) {
        pop_deadline_start(&link->quiet, duration);
    }
    if (!pop_deadline_has_passed(&link->quiet)) {
        return POP_WANT_READ;
    }
    pop_deadline_clear(&link->quiet);
    return POP_TIMEOUT;
}

/* Waits `duration` nanoseconds for bytes after the reply.  Returns POP_OK if
   some came, POP_TIMEOUT after silence, otherwise what pop_link_fill()
   returns. */
static enum pop_status
listen(struct pop_link *link, int64_t duration, struct pop_error *error)
{
    struct pop_deadline deadline = link->deadline;
    enum pop_status status = pop_link_check_deadline(link, error);

    if (status != POP_OK) {
        return status;
    }
    pop_deadline_start(&link->deadline, duration);
    if (link->deadline.at > deadline.at) {
        link->deadline = deadline;
    }
    link->deadline.is_pause = true;
    status = pop_link_fill(link, error);
    link->deadline = deadline;
    if (status == POP_WANT_READ ||
        (status == POP_DEADLINE &&
         !pop_deadline_has_passed(&link->deadline))) {
        status = POP_TIMEOUT;
    }
    return status;
}

/* Returns POP_OK if bytes follow the reply, POP_TIMEOUT if silence lasts long
   enough, otherwise what listen() returns. */
static enum pop_status
wait_for_more(struct pop_link *link, struct pop_error *error)
{
    const struct pop_reply *reply = &link->reply;
    bool is_short = reply->announced >= 0 &&
                    (unsigned long long)reply->announced > reply->octets;
    int64_t duration = is_short ? LONG_QUIET : QUIET;
    enum pop_status status = POP_OK;

    while (status == POP_OK && !is_followed(link)) {
        if (is_as_announced(link) &&
            !link->transport->ops->readable(link->transport)) {
            return POP_TIMEOUT;
        }
        status = link->is_polled ? listen_polled(link, duration, error)
                                 : listen(link, duration, error);
    }
    return status;
}

/* Decides at an end that is uncertain, or may belong to another reply.
   Returns POP_OK if the reply is over, POP_NEED_INPUT if it goes on. */
static enum pop_status
settle(struct pop_link *link, struct pop_error *error)
{
    bool is_certain = link->reply.is_certain;
    enum pop_status status = POP_TIMEOUT;

    if (link->end_rule == POP_END_IF_QUIET) {
        status = wait_for_more(link, error);
    }
    if (status == POP_OK && (is_certain || link->ends.doubtful)) {
        return POP_UNASKED;
    }
    if (status == POP_OK) {
        status = pop_reply_go_on(&link->reply, pop_buffer_bytes(&link->in),
                                 &link->batch);
        return status == POP_OK ? POP_NEED_INPUT : status;
    }
    if (status != POP_TIMEOUT) {
        return status;
    }
    link->ends.uncertain |= !is_certain;
    link->ends.doubtful = !is_certain && !is_as_announced(link);
    return POP_OK;
}

enum pop_status
pop_link_pump(struct pop_link *link, struct pop_error *error)
{
    size_t before = pop_buffer_length(&link->in);
    int receives = 0;

    for (;;) {
        enum pop_status status = scan(link);

        if (status == POP_OK && is_unsettled(link)) {
            status = settle(link, error);
            if (status == POP_NEED_INPUT && receives < RECEIVES_PER_TURN) {
                receives++;
                continue;
            }
        }
        if (status != POP_NEED_INPUT) {
            return status;
        }
        /* Keeps the size of the buffer to that of a line, not of the
           message. */
        if (link->batch.count > 0 && pop_link_is_cramped(link)) {
            return POP_OK;
        }
        /* Lets signal handlers run while a peer never pauses; TLS may work
           long for one octet. */
        if (receives == RECEIVES_PER_TURN ||
            pop_buffer_length(&link->in) - before >= OCTETS_PER_TURN) {
            return POP_INTERRUPTED;
        }
        receives++;
        status = pop_link_fill(link, error);
        if (status != POP_OK) {
            return status;
        }
    }
}

enum pop_status
pop_link_exchange(struct pop_link *link, struct pop_error *error)
{
    if (!link->is_sent) {
        enum pop_status status = pop_link_flush(link, error);

        if (status != POP_OK) {
            return status;
        }
        link->is_sent = true;
    }
    return pop_link_pump(link, error);
}

/* Notes a message with more octets than announced.  Otherwise its author could
   choose where it ends. */
static void
note_announced(struct pop_link *link)
{
    const struct pop_reply *reply = &link->reply;

    if (reply->part == POP_REPLY_DONE && reply->form == POP_OCTETS &&
        reply->in_octets &&
        (unsigned long long)reply->announced < reply->octets) {
        link->ends.misannounced = true;
    }
}

void
pop_link_take(struct pop_link *link)
{
    note_announced(link);
    pop_buffer_consume(&link->in, link->batch.scanned);
    link->batch.count = 0;
    link->batch.scanned = 0;
}

void
pop_link_doubt(struct pop_link *link)
{
    link->ends.doubtful = true;
}
