#include "core/link.h"

#include "core/mem.h"

#define FIRST_CHUNK ((size_t)16 * 1024)
#define LARGEST_CHUNK ((size_t)256 * 1024)
#define OCTETS_PER_TURN ((size_t)4 * 1024 * 1024)
#define RECEIVES_PER_TURN 16
#define BATCH_SPANS 4096

void
pop_link_init(struct pop_link *link)
{
    link->transport = NULL;
    link->timeout = POP_WAIT_FOREVER;
    pop_deadline_set(&link->deadline, POP_WAIT_FOREVER);
    link->resuming = false;
    pop_buffer_init(&link->in, POP_BUFFER_NO_CAP);
    pop_buffer_init(&link->out, POP_BUFFER_NO_CAP);
    link->chunk = FIRST_CHUNK;
    pop_reply_begin(&link->reply, POP_NO_LINES, 0, 0);
    link->batch.spans = NULL;
    link->batch.capacity = 0;
    link->batch.count = 0;
    link->batch.scanned = 0;
}

void
pop_link_release(struct pop_link *link)
{
    pop_buffer_release(&link->in);
    pop_buffer_release(&link->out);
    POP_FREE(link->batch.spans);
    link->batch.spans = NULL;
    link->batch.capacity = 0;
}

void
pop_link_interrupt(struct pop_link *link)
{
    link->transport->ops->interrupt(link->transport);
}

/* Every recv and send has the whole timeout for itself, as in the socket
   module; one that was interrupted goes on with what it has left. */
static void
start_waiting(struct pop_link *link)
{
    if (!link->resuming) {
        pop_deadline_set(&link->deadline, link->timeout);
    }
    link->resuming = false;
}

static enum pop_status
stop_waiting(struct pop_link *link, enum pop_status status)
{
    link->resuming = status == POP_INTERRUPTED;
    return status;
}

enum pop_status
pop_link_flush(struct pop_link *link, struct pop_error *error)
{
    struct pop_transport *transport = link->transport;

    start_waiting(link);
    while (pop_buffer_length(&link->out) > 0) {
        enum pop_status status;
        size_t sent;

        status = transport->ops->send(transport, pop_buffer_bytes(&link->out),
                                      pop_buffer_length(&link->out), &sent,
                                      &link->deadline, error);
        pop_buffer_consume(&link->out, sent);
        /* A blocking send() that a signal ends says only that it is short. */
        if (status == POP_OK && pop_buffer_length(&link->out) > 0) {
            status = POP_INTERRUPTED;
        }
        if (status != POP_OK) {
            return stop_waiting(link, status);
        }
    }
    return POP_OK;
}

bool
pop_link_is_unsent(const struct pop_link *link, size_t queued)
{
    return pop_buffer_length(&link->out) == queued &&
           !link->transport->ops->has_begun(link->transport);
}

/* Too little room for a recv that is worth its system call. */
static bool
is_cramped(const struct pop_link *link)
{
    return pop_buffer_room(&link->in) < link->chunk / 4;
}

enum pop_status
pop_link_fill(struct pop_link *link, struct pop_error *error)
{
    struct pop_transport *transport = link->transport;
    enum pop_status status;
    size_t room;
    size_t received;

    if (is_cramped(link)) {
        status = pop_buffer_reserve(&link->in, link->chunk);
        if (status != POP_OK) {
            return status;
        }
    }
    room = pop_buffer_room(&link->in);
    start_waiting(link);
    status = transport->ops->recv(transport, pop_buffer_space(&link->in), room,
                                  &received, &link->deadline, error);
    if (status != POP_OK) {
        return stop_waiting(link, status);
    }
    pop_buffer_commit(&link->in, received);
    if (received == room && link->chunk < LARGEST_CHUNK) {
        link->chunk *= 2;
    }
    return POP_OK;
}

static bool
is_at_rest(const struct pop_link *link)
{
    size_t length = pop_buffer_length(&link->in);

    return length == 0 ||
           (length == 1 && pop_buffer_bytes(&link->in)[0] == '\r');
}

bool
pop_link_has_unread(struct pop_link *link)
{
    struct pop_transport *transport = link->transport;

    while (is_at_rest(link) && transport->ops->readable(transport)) {
        struct pop_error ignored;
        enum pop_status status;

        link->timeout = POP_WAIT_NEVER;
        status = pop_link_fill(link, &ignored);
        link->resuming = false;
        if (status != POP_OK) {
            return status == POP_NO_MEMORY;
        }
    }
    return !is_at_rest(link);
}

static enum pop_status
ready_batch(struct pop_link *link)
{
    struct pop_batch *batch = &link->batch;

    batch->count = 0;
    batch->scanned = 0;
    if (batch->spans == NULL) {
        batch->spans = POP_MALLOC(BATCH_SPANS * sizeof(*batch->spans));
        if (batch->spans == NULL) {
            return POP_NO_MEMORY;
        }
        batch->capacity = BATCH_SPANS;
    }
    return POP_OK;
}

enum pop_status
pop_link_begin(struct pop_link *link, enum pop_reply_form form,
               size_t status_limit, size_t line_limit)
{
    pop_reply_begin(&link->reply, form, status_limit, line_limit);
    return ready_batch(link);
}

enum pop_status
pop_link_begin_lines(struct pop_link *link, size_t line_limit)
{
    pop_reply_begin_lines(&link->reply, line_limit);
    return ready_batch(link);
}

enum pop_status
pop_link_scan(struct pop_link *link)
{
    return pop_reply_scan(&link->reply, pop_buffer_bytes(&link->in),
                          pop_buffer_length(&link->in), &link->batch);
}

enum pop_status
pop_link_pump(struct pop_link *link, struct pop_error *error)
{
    size_t before = pop_buffer_length(&link->in);
    int receives = 0;

    for (;;) {
        enum pop_status status = pop_link_scan(link);

        if (status != POP_NEED_INPUT) {
            return status;
        }
        /* So the buffer does not grow with the message, only with a line. */
        if (link->batch.count > 0 && is_cramped(link)) {
            return POP_OK;
        }
        /* A peer that never pauses must not lock out signal handlers; TLS may
           have much to do for one octet. */
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

void
pop_link_take(struct pop_link *link)
{
    pop_buffer_consume(&link->in, link->batch.scanned);
    link->batch.count = 0;
    link->batch.scanned = 0;
}

void
pop_link_trim(struct pop_link *link)
{
    pop_buffer_trim(&link->in, 2 * LARGEST_CHUNK);
    pop_buffer_trim(&link->out, FIRST_CHUNK);
}
