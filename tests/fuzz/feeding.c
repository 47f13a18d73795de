/* A reply that arrives in pieces, by way of a buffer. */

#include "core/proto/buffer.h"
#include "fuzz.h"

struct feeder {
    const struct fuzz_plan *plan;
    struct fuzz_reading *reading;
    struct pop_buffer buffer;
    struct pop_reply reply;
    struct pop_batch batch;
    bool lazy;
};

static void
take(struct feeder *self)
{
    fuzz_reading_add(self->reading, self->plan, &self->reply, &self->batch,
                     pop_buffer_bytes(&self->buffer),
                     pop_buffer_length(&self->buffer));
    pop_buffer_consume(&self->buffer, self->batch.scanned);
    self->batch.count = 0;
    self->batch.scanned = 0;
}

/* Reads all that is there; true if the reply goes on. */
static bool
read_on(struct feeder *self)
{
    for (;;) {
        enum pop_status status = pop_reply_scan(
            &self->reply, pop_buffer_bytes(&self->buffer),
            pop_buffer_length(&self->buffer), &self->batch);

        FUZZ_CHECK(status != POP_OK || self->batch.scanned > 0);
        if (status == POP_NEED_INPUT && self->lazy) {
            return true;
        }
        take(self);
        if (status == POP_NEED_INPUT) {
            return true;
        }
        if (status == POP_OK && self->reply.part != POP_REPLY_DONE) {
            continue;
        }
        if (status != POP_OK) {
            FUZZ_CHECK(status == POP_TOO_LONG || status == POP_TOO_MUCH);
            self->reading->status = status;
        }
        if (status != POP_TOO_MUCH || !self->plan->drop) {
            return false;
        }
        pop_reply_drop(&self->reply);
    }
}

void
fuzz_reading_feed(struct fuzz_reading *reading, const struct fuzz_plan *plan,
                  const struct fuzz_feeding *feeding, const char *bytes,
                  size_t length)
{
    struct pop_span spans[FUZZ_MOST_SPANS];
    struct feeder self = {.plan = plan,
                          .reading = reading,
                          .batch = {spans, feeding->spans, 0, 0},
                          .lazy = feeding->lazy};
    size_t done = 0;
    bool more;

    pop_buffer_init(&self.buffer, POP_BUFFER_NO_CAP);
    fuzz_plan_begin(plan, &self.reply);
    do {
        size_t piece = fuzz_piece(&feeding->cuts, done, length);

        FUZZ_CHECK(pop_buffer_append(&self.buffer, bytes + done, piece) ==
                   POP_OK);
        done += piece;
        more = read_on(&self);
    } while (more && done < length);
    if (more) {
        take(&self);
        if (reading->status == POP_OK) {
            reading->status = POP_NEED_INPUT;
        }
    }
    FUZZ_CHECK(reading->consumed + pop_buffer_length(&self.buffer) == done);
    pop_buffer_release(&self.buffer);
}

void
fuzz_reading_compare(const struct fuzz_plan *plan,
                     const struct fuzz_feeding *feeding, const char *bytes,
                     size_t length)
{
    static const struct fuzz_feeding whole = {{0, 1}, FUZZ_MOST_SPANS, false};
    static char texts[2][2 * FUZZ_MOST_OCTETS];
    struct fuzz_reading expected;
    struct fuzz_reading reading;

    fuzz_reading_begin(&expected, texts[0]);
    fuzz_reading_expect(&expected, plan, bytes, length);
    fuzz_reading_begin(&reading, texts[1]);
    fuzz_reading_feed(&reading, plan, feeding, bytes, length);
    fuzz_reading_check(&reading, &expected, plan);
    fuzz_reading_begin(&reading, texts[1]);
    fuzz_reading_feed(&reading, plan, &whole, bytes, length);
    fuzz_reading_check(&reading, &expected, plan);
}
