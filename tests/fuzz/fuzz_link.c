/* A link whose transport does what the input says: short receives and sends,
   refusals to wait, signals, resets; and allocations that fail.

   The input: flags (1 octet, as fuzz_reply.c has them, and from 0x10 on: half
   duplex, what was sent is not known, no timeout, the first allocation fails);
   limits (1 each); how many octets follow that say what happens (1), and
   those: what the client does, and what its transport does then; and what the
   server sends, reply after reply. */

#include "core/net/link.h"
#include "flaky.h"
#include "fuzz.h"
#include "support_memory.h"

struct client {
    struct flaky flaky;
    const char *start; /* of what the server sends */
    size_t taken;      /* of that */
    size_t mark;       /* an earlier value of link.received */
    unsigned last;     /* what was done */
    bool interrupted;  /* it was */
    bool is_over;
    struct fuzz_plan plan;
    struct fuzz_reading reading; /* of the reply that is being read */
    struct pop_link link;
    struct pop_spare spare;
};

/* Every octet is where it should be. */
static void
check_octets(const struct client *self)
{
    const struct pop_link *link = &self->link;
    size_t received = (size_t)(self->flaky.server.bytes - self->start);
    size_t unread = pop_buffer_length(&link->in);

    FUZZ_CHECK(link->received == received);
    FUZZ_CHECK(unread == received - self->taken);
    FUZZ_CHECK(fuzz_is_equal(pop_buffer_bytes(&link->in),
                             self->start + self->taken, unread));
    FUZZ_CHECK(pop_buffer_length(&link->out) ==
               self->flaky.queued - self->flaky.sent);
    FUZZ_CHECK(link->batch.scanned <= unread);
}

static void
begin(struct client *self)
{
    static char text[2 * FUZZ_MOST_OCTETS];
    struct pop_link *link = &self->link;
    const struct fuzz_plan *plan = &self->plan;
    enum pop_status status;

    do {
        status = pop_link_begin(link, plan->form, plan->status_limit,
                                plan->line_limit);
    } while (status == POP_NO_MEMORY && support_stop_failing());
    FUZZ_CHECK(status == POP_OK);
    link->reply.size_limit = plan->size_limit;
    fuzz_reading_begin(&self->reading, text);
}

static void
take(struct client *self)
{
    struct pop_link *link = &self->link;

    fuzz_reading_add(&self->reading, &self->plan, &link->reply, &link->batch,
                     pop_buffer_bytes(&link->in),
                     pop_buffer_length(&link->in));
    self->taken += link->batch.scanned;
    pop_link_take(link);
}

/* The reply, as far as the server has sent it, is what the reference reads. */
static void
check_reply(struct client *self)
{
    static char text[2 * FUZZ_MOST_OCTETS];
    const char *bytes = self->start + self->taken - self->reading.consumed;
    struct fuzz_reading expected;

    fuzz_reading_begin(&expected, text);
    fuzz_reading_expect(&expected, &self->plan, bytes,
                        (size_t)(self->flaky.server.bytes - bytes));
    fuzz_reading_check(&self->reading, &expected, &self->plan);
}

/* A batch is to be taken; the reply may be over. */
static void
end_batch(struct client *self, enum pop_status status)
{
    take(self);
    if (status != POP_OK) {
        FUZZ_CHECK(status == POP_TOO_LONG || status == POP_TOO_MUCH);
        self->reading.status = status;
        self->is_over = status == POP_TOO_LONG || !self->plan.drop;
        if (!self->is_over) {
            pop_reply_drop(&self->link.reply);
        }
    }
    if (self->is_over || self->reading.is_done) {
        check_reply(self);
        if (!self->is_over) {
            begin(self);
        }
    }
}

static void
read_on(struct client *self, enum pop_status status, bool early)
{
    switch (status) {
    case POP_OK:
    case POP_TOO_LONG:
    case POP_TOO_MUCH:
        end_batch(self, status);
        break;
    case POP_NO_MEMORY:
        FUZZ_CHECK(support_stop_failing());
        break;
    default:
        /* What has been found may be taken, or left for the next call. */
        if (early) {
            take(self);
        }
        break;
    }
}

/* What an operation came to. */
static void
note(struct client *self, enum pop_status status,
     const struct pop_error *error)
{
    self->interrupted = status == POP_INTERRUPTED;
    switch (status) {
    case POP_OK:
    case POP_INTERRUPTED:
    case POP_TOO_LONG:
    case POP_TOO_MUCH:
    case POP_NO_MEMORY:
        break;
    default:
        flaky_check_failure(&self->flaky, status, error);
        break;
    }
}

static void
pump(struct client *self, bool early)
{
    struct pop_error error = {0};
    enum pop_status status = pop_link_pump(&self->link, &error);

    note(self, status, &error);
    read_on(self, status, early);
}

static void
fill(struct client *self)
{
    struct pop_error error = {0};
    enum pop_status status = pop_link_fill(&self->link, &error);

    note(self, status, &error);
    FUZZ_CHECK(status != POP_NO_MEMORY || support_stop_failing());
}

static void
queue(struct client *self, size_t length)
{
    char bytes[UINT8_MAX];
    size_t i;

    for (i = 0; i < length; i++) {
        bytes[i] = (char)(self->flaky.queued + i);
    }
    if (pop_buffer_append(&self->link.out, bytes, length) == POP_OK) {
        self->flaky.queued += length;
    }
    else {
        FUZZ_CHECK(support_stop_failing());
    }
}

static void
flush(struct client *self)
{
    size_t queued = pop_buffer_length(&self->link.out);
    size_t sent = self->flaky.sent;
    struct pop_error error = {0};
    enum pop_status status = pop_link_flush(&self->link, &error);

    note(self, status, &error);
    FUZZ_CHECK((status == POP_OK) == (self->flaky.sent == self->flaky.queued));
    FUZZ_CHECK(pop_link_is_unsent(&self->link, queued) ==
               (self->flaky.sent == sent && !self->flaky.is_unclear));
}

static void
push(struct client *self)
{
    struct pop_error error = {0};
    enum pop_status status = pop_link_push(&self->link, &error);

    note(self, status, &error);
    FUZZ_CHECK(status == POP_OK || self->flaky.sent < self->flaky.queued);
    FUZZ_CHECK(status == POP_OK || status == POP_INTERRUPTED ||
               pop_link_is_half_duplex(&self->link));
}

/* A lone CR is no unread octet. */
static bool
is_unread(const struct client *self, size_t octets)
{
    return octets > 1 || (octets == 1 && self->start[self->taken] != '\r');
}

static void
look(struct client *self)
{
    size_t unread = self->link.received - self->taken;
    size_t later = self->link.received - self->mark;
    bool has_unread;

    FUZZ_CHECK(pop_link_had_unread(&self->link, self->mark) ==
               (later < unread && is_unread(self, unread - later)));
    self->mark = self->link.received;
    self->link.resuming = false;
    has_unread = pop_link_has_unread(&self->link);
    unread = self->link.received - self->taken;
    FUZZ_CHECK(has_unread == is_unread(self, unread) || self->link.flooded ||
               support_stop_failing());
    FUZZ_CHECK(!self->link.resuming);
}

/* An operation that was interrupted goes on if it is the next one, too. */
static void
begin_operation(struct client *self, unsigned what)
{
    bool resumes = self->interrupted && what == self->last;

    if (self->interrupted && !resumes) {
        self->link.resuming = false;
    }
    flaky_begin(&self->flaky, resumes);
    self->last = what;
    self->interrupted = false;
    self->link.timeout = self->flaky.timeout;
}

static void
step(struct client *self)
{
    unsigned octet = fuzz_take(&self->flaky.script);

    begin_operation(self, octet & 7);
    switch (octet & 7) {
    case 0:
        pump(self, octet & 8);
        break;
    case 1:
        read_on(self, pop_link_scan(&self->link), octet & 8);
        break;
    case 2:
        fill(self);
        break;
    case 3:
        queue(self, octet >> 3);
        break;
    case 4:
        flush(self);
        break;
    case 5:
        push(self);
        break;
    case 6:
        look(self);
        break;
    default:
        support_fail_allocation(octet >> 3 & 3);
        pop_link_return(&self->link, &self->spare);
        if (octet & 0x20) {
            pop_link_borrow(&self->link, &self->spare);
        }
        break;
    }
    check_octets(self);
}

/* The script is over: nothing fails any more, until the server is gone. */
static void
finish(struct client *self)
{
    size_t turns = self->flaky.server.length +
                   pop_buffer_length(&self->link.in) + 2;

    (void)support_stop_failing();
    while (self->flaky.last_recv.status != POP_EOF && !self->is_over) {
        FUZZ_CHECK(turns-- > 0);
        begin_operation(self, 0);
        pump(self, false);
        check_octets(self);
    }
    if (!self->is_over) {
        take(self);
        if (self->reading.status == POP_OK) {
            self->reading.status = POP_NEED_INPUT;
        }
        check_reply(self);
    }
    while (self->flaky.sent < self->flaky.queued) {
        begin_operation(self, 4);
        flush(self);
    }
    pop_link_interrupt(&self->link);
    FUZZ_CHECK(self->flaky.interrupts == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_begin(data, size);
    unsigned flags = fuzz_take(&input);
    struct client self = {.plan = fuzz_take_plan(&input, flags)};

    if (input.length > FUZZ_MOST_OCTETS) {
        return 0;
    }
    self.flaky.base.ops = flags & 0x10 ? &flaky_half_duplex : &flaky_duplex;
    self.flaky.is_unclear = flags & 0x20;
    self.flaky.timeout = flags & 0x40 ? POP_WAIT_FOREVER : 1;
    self.flaky.script = fuzz_take_bytes(&input, fuzz_take(&input));
    self.flaky.server = input;
    self.start = input.bytes;
    pop_link_init(&self.link);
    self.link.transport = &self.flaky.base;
    if (flags & 0x80) {
        support_fail_allocation(0);
    }
    begin(&self);
    while (self.flaky.script.length > 0 && !self.is_over) {
        step(&self);
    }
    self.flaky.script.length = 0;
    self.flaky.last_recv.status = POP_OK;
    finish(&self);
    pop_link_release(&self.link);
    pop_link_release_spare(&self.spare);
    fuzz_end();
    return 0;
}
