#include "script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* Waits as a real transport does: that is what starts a deadline's clock. */
static enum pop_status
play(struct script *self, struct pop_timeout *deadline)
{
    size_t call = self->calls++;

    (void)pop_timeout_poll_ms(deadline);
    self->deadline = *deadline;
    return call < self->outcome_count ? self->outcomes[call] : POP_OK;
}

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static enum pop_status
script_recv(struct pop_transport *transport, char *space, size_t room,
            size_t *received, struct pop_timeout *deadline,
            struct pop_error *error)
{
    struct script *self = (struct script *)transport;
    enum pop_status status = play(self, deadline);
    size_t first = self->feeding.first;

    *received = 0;
    error->sys = 0;
    if (status != POP_OK) {
        error->sys = status == POP_SYSTEM ? EIO : 0;
        return status;
    }
    if (self->received == self->length) {
        return POP_EOF;
    }
    *received = self->received < first ? first - self->received
                                       : self->feeding.step;
    *received = least(least(*received, room), self->length - self->received);
    memcpy(space, self->bytes + self->received, *received);
    self->received += *received;
    return POP_OK;
}

static enum pop_status
script_send(struct pop_transport *transport, const char *bytes, size_t length,
            size_t *sent, struct pop_timeout *deadline,
            struct pop_error *error)
{
    struct script *self = (struct script *)transport;
    enum pop_status status = play(self, deadline);

    error->sys = 0;
    *sent = 0;
    if (status == POP_OK) {
        *sent = least(length, self->most_per_send);
        assert_memory_equal(bytes, self->bytes + self->sent, *sent);
        self->sent += *sent;
    }
    return status;
}

static bool
script_has_begun(struct pop_transport *transport)
{
    return ((struct script *)transport)->has_begun;
}

static bool
script_readable(struct pop_transport *transport)
{
    struct script *self = (struct script *)transport;

    return self->received < self->length;
}

static const struct pop_transport_ops script_ops = {
    .recv = script_recv,
    .send = script_send,
    .has_begun = script_has_begun,
    .readable = script_readable,
};

void
open_script(struct script *script, struct pop_link *link, const char *bytes,
            size_t length)
{
    memset(script, 0, sizeof(*script));
    script->base.ops = &script_ops;
    script->bytes = bytes;
    script->length = length;
    script->feeding.first = script->feeding.step = length;
    script->most_per_send = length;
    pop_link_init(link);
    link->transport = &script->base;
}

enum pop_status
pump(struct pop_link *link)
{
    struct pop_error error;

    return pop_link_pump(link, &error);
}

enum pop_status
flush(struct pop_link *link)
{
    struct pop_error error;
    enum pop_status status;

    do {
        status = pop_link_flush(link, &error);
    } while (status == POP_INTERRUPTED);
    return status;
}

void
read_totals(struct pop_link *link, struct totals *totals)
{
    memset(totals, 0, sizeof(*totals));
    do {
        size_t i;

        totals->status = pump(link);
        totals->no_memory += totals->status == POP_NO_MEMORY;
        for (i = 0; i < link->batch.count; i++) {
            totals->text += link->batch.spans[i].length;
        }
        totals->lines += link->batch.count;
        if (totals->capacity < link->in.capacity) {
            totals->capacity = link->in.capacity;
        }
        pop_link_take(link);
    } while (totals->status == POP_NO_MEMORY ||
             (totals->status == POP_OK && link->reply.part != POP_REPLY_DONE));
}

char *
make_lines(size_t length, size_t octets)
{
    char *bytes = malloc(length);
    size_t i;

    assert_non_null(bytes);
    memset(bytes, 'x', length);
    for (i = octets; i <= length - 2; i += octets) {
        bytes[i - 1] = '\n';
    }
    memcpy(bytes + length - 3, "\n.\n", 3);
    return bytes;
}
