#include "flaky.h"

#include <string.h>

void
flaky_begin(struct flaky *self, bool resumes)
{
    self->has_waited = resumes;
    self->must_resume &= resumes;
    self->recv_failed = false;
    self->send_failed = false;
}

void
flaky_check_failure(const struct flaky *self, enum pop_status status,
                    const struct pop_error *error)
{
    const struct flaky_failure *failures[] = {
        &self->last_recv, &self->last_send, &self->last_wait};
    bool is_known = false;
    size_t i;

    for (i = 0; i < 3; i++) {
        is_known |= failures[i]->status == status &&
                    failures[i]->sys == error->sys;
    }
    FUZZ_CHECK(is_known);
}

/* An operation has its whole timeout, or what an interruption has left. */
static void
start_waiting(struct flaky *self, struct pop_timeout *deadline)
{
    if (deadline->timeout == POP_WAIT_NEVER) {
        return;
    }
    FUZZ_CHECK(deadline->timeout == self->timeout);
    if (self->must_resume) {
        FUZZ_CHECK(deadline->armed && deadline->at == self->resume_at);
    }
    else if (!self->has_waited) {
        FUZZ_CHECK(!deadline->armed);
    }
    self->has_waited = true;
    self->must_resume = false;
    if (!deadline->armed) {
        deadline->armed = true;
        deadline->at = ++self->clock;
    }
}

/* What becomes of a call, and how many octets it moves at most. */
static enum pop_status
play(struct flaky *self, struct pop_timeout *deadline, size_t *most,
     struct pop_error *error)
{
    static const enum pop_status failures[] = {
        POP_TIMEOUT,   POP_INTERRUPTED, POP_SYSTEM, POP_EOF,
        POP_WANT_READ, POP_WANT_WRITE,  POP_HOST,   POP_TLS};
    unsigned octet = fuzz_take(&self->script);

    FUZZ_CHECK(!self->recv_failed);
    start_waiting(self, deadline);
    error->sys = (int)++self->clock;
    *most = octet >> 4 == 0 ? (size_t)-1 : octet >> 4;
    if (!(octet & 8)) {
        return POP_OK;
    }
    if (failures[octet & 7] == POP_INTERRUPTED &&
        deadline->timeout != POP_WAIT_NEVER) {
        self->must_resume = true;
        self->resume_at = deadline->at;
    }
    return failures[octet & 7];
}

static bool
is_for_good(enum pop_status status)
{
    return status != POP_OK && status != POP_TIMEOUT &&
           status != POP_INTERRUPTED && status != POP_WANT_READ &&
           status != POP_WANT_WRITE;
}

static enum pop_status
flaky_recv(struct pop_transport *transport, char *space, size_t room,
           size_t *received, struct pop_timeout *deadline,
           struct pop_error *error)
{
    struct flaky *self = (struct flaky *)transport;
    struct fuzz_input part;
    enum pop_status status;
    size_t most;

    FUZZ_CHECK(room > 0);
    status = play(self, deadline, &most, error);
    *received = 0;
    if (status == POP_OK && self->server.length == 0) {
        status = POP_EOF;
    }
    self->recv_failed = is_for_good(status);
    self->last_recv = (struct flaky_failure){status, error->sys};
    if (status == POP_OK) {
        part = fuzz_take_bytes(&self->server, most < room ? most : room);
        memcpy(space, part.bytes, part.length);
        *received = part.length;
        self->must_resume = false;
        self->has_waited = false;
    }
    return status;
}

static enum pop_status
flaky_send(struct pop_transport *transport, const char *bytes, size_t length,
           size_t *sent, struct pop_timeout *deadline, struct pop_error *error)
{
    struct flaky *self = (struct flaky *)transport;
    enum pop_status status;
    size_t most;
    size_t i;

    FUZZ_CHECK(length > 0 && length == self->queued - self->sent);
    status = play(self, deadline, &most, error);
    *sent = 0;
    if (status == POP_EOF) {
        status = POP_TLS_EOF;
    }
    self->send_failed = is_for_good(status);
    self->last_send = (struct flaky_failure){status, error->sys};
    if (status == POP_OK) {
        *sent = most < length ? most : length;
        self->must_resume = false;
        self->has_waited &= deadline->timeout != POP_WAIT_NEVER;
    }
    for (i = 0; i < *sent; i++) {
        FUZZ_CHECK(bytes[i] == (char)self->sent++);
    }
    return status;
}

static enum pop_status
flaky_wait(struct pop_transport *transport, bool receivable, bool sendable,
           struct pop_timeout *deadline, struct pop_error *error)
{
    struct flaky *self = (struct flaky *)transport;
    enum pop_status status;
    size_t most;

    FUZZ_CHECK(receivable || sendable);
    FUZZ_CHECK(!self->send_failed);
    status = play(self, deadline, &most, error);
    if (status != POP_TIMEOUT && status != POP_INTERRUPTED &&
        status != POP_SYSTEM) {
        status = POP_OK;
        self->must_resume = true;
        self->resume_at = deadline->at;
    }
    self->last_wait = (struct flaky_failure){status, error->sys};
    return status;
}

static bool
flaky_has_begun(struct pop_transport *transport)
{
    return ((struct flaky *)transport)->is_unclear;
}

static bool
flaky_readable(struct pop_transport *transport)
{
    return ((struct flaky *)transport)->server.length > 0;
}

static void
flaky_interrupt(struct pop_transport *transport)
{
    ((struct flaky *)transport)->interrupts++;
}

const struct pop_transport_ops flaky_duplex = {
    .recv = flaky_recv,
    .send = flaky_send,
    .has_begun = flaky_has_begun,
    .readable = flaky_readable,
    .wait = flaky_wait,
    .interrupt = flaky_interrupt,
};

const struct pop_transport_ops flaky_half_duplex = {
    .recv = flaky_recv,
    .send = flaky_send,
    .has_begun = flaky_has_begun,
    .readable = flaky_readable,
    .interrupt = flaky_interrupt,
};
