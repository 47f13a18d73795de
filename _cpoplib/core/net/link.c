/* Flush and fill: memory, and the calls of the transport. */

#include "core/net/link.h"

#include "core/proto/mem.h"

#define FIRST_CHUNK ((size_t)16 * 1024)
#define LARGEST_CHUNK ((size_t)64 * 1024)
#define TURNS_PER_LOOK 4
#define BATCH_SPANS 512

void
pop_link_init(struct pop_link *link)
{
    *link = (struct pop_link){
        .timeout = POP_WAIT_FOREVER,
        .chunk = FIRST_CHUNK,
        .end_rule = POP_END_AT_ONCE,
        .batch.capacity = BATCH_SPANS,
    };
    pop_deadline_clear(&link->deadline);
    pop_deadline_clear(&link->quiet);
    pop_timeout_set(&link->wait, POP_WAIT_FOREVER);
    pop_buffer_init(&link->in, POP_BUFFER_NO_CAP);
    pop_buffer_init(&link->out, POP_BUFFER_NO_CAP);
    pop_reply_begin(&link->reply, POP_NO_LINES, 0, 0);
}

/* Frees what pop_link_return() would give back. */
static void
free_memory(struct pop_link *link)
{
    pop_buffer_release(&link->in);
    POP_FREE(link->batch.spans);
    link->batch.spans = NULL;
}

void
pop_link_release(struct pop_link *link)
{
    free_memory(link);
    pop_buffer_release(&link->out);
}

void
pop_link_return(struct pop_link *link, struct pop_spare *spare)
{
    if (link->out.capacity > FIRST_CHUNK) {
        pop_buffer_trim(&link->out, FIRST_CHUNK);
    }
    if (pop_buffer_length(&link->in) > 0 || link->batch.scanned > 0 ||
        link->reply.part != POP_REPLY_DONE) {
        return;
    }
    if (spare->data != NULL || spare->spans != NULL ||
        link->in.capacity > 2 * LARGEST_CHUNK) {
        free_memory(link);
        return;
    }
    spare->data = link->in.data;
    spare->capacity = link->in.capacity;
    spare->spans = link->batch.spans;
    link->in.data = NULL;
    link->in.capacity = 0;
    link->batch.spans = NULL;
}

void
pop_link_release_spare(struct pop_spare *spare)
{
    POP_FREE(spare->data);
    POP_FREE(spare->spans);
    *spare = (struct pop_spare){.data = NULL};
}

void
pop_link_interrupt(struct pop_link *link)
{
    link->transport->ops->interrupt(link->transport);
}

/* Gives each recv and send the whole timeout, as the socket module does.  A
   call after POP_INTERRUPTED goes on with the rest of its timeout. */
static void
start_waiting(struct pop_link *link)
{
    if (!link->resuming) {
        pop_timeout_set(&link->wait, link->timeout);
        link->wait.deadline = link->deadline;
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
pop_link_check_deadline(const struct pop_link *link, struct pop_error *error)
{
    if (link->deadline.at == POP_NO_DEADLINE ||
        !pop_deadline_has_passed(&link->deadline)) {
        return POP_OK;
    }
    return pop_deadline_end(&link->deadline, error);
}

enum pop_status
pop_link_flush(struct pop_link *link, struct pop_error *error)
{
    struct pop_transport *transport = link->transport;

    start_waiting(link);
    while (pop_buffer_length(&link->out) > 0) {
        enum pop_status status = pop_link_check_deadline(link, error);
        size_t sent;

        if (status != POP_OK) {
            return stop_waiting(link, status);
        }
        status = transport->ops->send(transport, pop_buffer_bytes(&link->out),
                                      pop_buffer_length(&link->out), &sent,
                                      &link->wait, error);
        pop_buffer_consume(&link->out, sent);
        link->wants = (struct pop_wants){
            .receivable = status == POP_WANT_READ,
            .sendable = status != POP_WANT_READ,
        };
        /* A signal makes a blocking send() short; no error tells of it. */
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

bool
pop_link_is_half_duplex(const struct pop_link *link)
{
    return link->transport->ops->wait == NULL;
}

/* Returns true if an operation failed only because it must not wait. */
static bool
must_wait(enum pop_status status)
{
    return status == POP_TIMEOUT || status == POP_WANT_READ ||
           status == POP_WANT_WRITE;
}

bool
pop_link_must_wait(const struct pop_link *link, enum pop_status status)
{
    return link->is_polled && must_wait(status);
}

/* Sends link->out until a send fails or would wait. */
static enum pop_status
send_at_once(struct pop_link *link, struct pop_error *error)
{
    struct pop_transport *transport = link->transport;
    enum pop_status status = POP_OK;

    while (status == POP_OK && pop_buffer_length(&link->out) > 0) {
        struct pop_timeout never;
        size_t sent;

        pop_timeout_set(&never, POP_WAIT_NEVER);
        status = transport->ops->send(transport, pop_buffer_bytes(&link->out),
                                      pop_buffer_length(&link->out), &sent,
                                      &never, error);
        pop_buffer_consume(&link->out, sent);
        if (sent > 0) {
            link->resuming = false;
        }
    }
    return status;
}

enum pop_status
pop_link_push(struct pop_link *link, struct pop_error *error)
{
    struct pop_transport *transport = link->transport;
    enum pop_status status = POP_OK;

    if (!link->hurried && transport->ops->hurry != NULL) {
        link->hurried = true;
        status = transport->ops->hurry(transport);
    }
    if (status != POP_OK) {
        return status;
    }
    if (pop_link_is_half_duplex(link)) {
        return pop_link_flush(link, error);
    }
    return send_at_once(link, error) == POP_INTERRUPTED ? POP_INTERRUPTED
                                                        : POP_OK;
}

static enum pop_status
receive(struct pop_link *link, struct pop_timeout *timeout,
        struct pop_error *error)
{
    struct pop_transport *transport = link->transport;
    size_t room = pop_buffer_room(&link->in);
    enum pop_status status;
    size_t received;

    status = transport->ops->recv(transport, pop_buffer_space(&link->in), room,
                                  &received, timeout, error);
    if (status != POP_OK) {
        link->wants = (struct pop_wants){
            .receivable = status != POP_WANT_WRITE,
            .sendable = status == POP_WANT_WRITE,
        };
        return status;
    }
    pop_buffer_commit(&link->in, received);
    link->received += received;
    if (received == room && link->chunk < LARGEST_CHUNK) {
        link->chunk *= 2;
    }
    return POP_OK;
}

/* Receives and sends, whichever is possible first.  A peer that takes no bytes
   before its own are received can't block both. */
static enum pop_status
receive_sending(struct pop_link *link, struct pop_error *error)
{
    struct pop_transport *transport = link->transport;

    for (;;) {
        struct pop_timeout never;
        struct pop_error unsent = {0};
        enum pop_status sending = send_at_once(link, &unsent);
        enum pop_status status;

        start_waiting(link);
        if (sending == POP_OK) {
            return receive(link, &link->wait, error);
        }
        if (sending == POP_INTERRUPTED) {
            return POP_INTERRUPTED;
        }
        pop_timeout_set(&never, POP_WAIT_NEVER);
        status = receive(link, &never, error);
        if (!must_wait(status)) {
            return status;
        }
        if (!must_wait(sending)) {
            *error = unsent;
            return sending;
        }
        link->wants = (struct pop_wants){
            .receivable = status != POP_WANT_WRITE || sending == POP_WANT_READ,
            .sendable = status == POP_WANT_WRITE || sending != POP_WANT_READ,
        };
        if (link->is_polled) {
            return status;
        }
        status = transport->ops->wait(transport, link->wants.receivable,
                                      link->wants.sendable, &link->wait,
                                      error);
        if (status == POP_OK) {
            status = pop_link_check_deadline(link, error);
        }
        if (status != POP_OK) {
            return status;
        }
        link->resuming = true;
    }
}

enum pop_status
pop_link_fill(struct pop_link *link, struct pop_error *error)
{
    enum pop_status status = pop_link_check_deadline(link, error);

    if (status != POP_OK) {
        return stop_waiting(link, status);
    }
    if (pop_link_is_cramped(link)) {
        status = pop_buffer_reserve(&link->in, link->chunk);
        if (status != POP_OK) {
            return status;
        }
    }
    if (pop_buffer_length(&link->out) > 0) {
        if (!pop_link_is_half_duplex(link)) {
            return stop_waiting(link, receive_sending(link, error));
        }
        status = pop_link_flush(link, error);
        if (status != POP_OK) {
            return status;
        }
    }
    start_waiting(link);
    return stop_waiting(link, receive(link, &link->wait, error));
}

static bool
is_at_rest(const struct pop_link *link)
{
    size_t length = pop_buffer_length(&link->in);

    return length == 0 ||
           (length == 1 && pop_buffer_bytes(&link->in)[0] == '\r');
}

bool
pop_link_had_unread(const struct pop_link *link, size_t received)
{
    size_t length = pop_buffer_length(&link->in);
    size_t later = link->received - received;

    return later < length &&
           (length - later > 1 || pop_buffer_bytes(&link->in)[0] != '\r');
}

bool
pop_link_has_unread(struct pop_link *link)
{
    struct pop_transport *transport = link->transport;
    int64_t timeout = link->timeout;
    int turns = 0;

    link->flooded = false;
    while (is_at_rest(link) && transport->ops->readable(transport)) {
        struct pop_error ignored;
        enum pop_status status;

        link->timeout = POP_WAIT_NEVER;
        status = pop_link_fill(link, &ignored);
        link->timeout = timeout;
        link->resuming = false;
        if (status == POP_INTERRUPTED) {
            turns++;
            link->flooded = turns == TURNS_PER_LOOK;
        }
        else if (status != POP_OK) {
            return status == POP_NO_MEMORY;
        }
        if (link->flooded) {
            return true;
        }
    }
    return !is_at_rest(link);
}
