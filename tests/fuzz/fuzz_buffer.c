/* Compares the byte queue with a plain array.

   The input: the cap (2 octets), and for each step what is done (1: the low
   bits; the highest: the next allocation fails) and how much (1). */

#include <string.h>

#include "core/proto/buffer.h"
#include "fuzz.h"
#include "support_memory.h"

#define MOST_QUEUED ((size_t)64 * 1024)

struct model {
    char bytes[MOST_QUEUED];
    size_t length;
    unsigned next; /* of the octets that are put in */
};

static void
check(const struct pop_buffer *buffer, const struct model *model)
{
    FUZZ_CHECK(buffer->head <= buffer->tail);
    FUZZ_CHECK(buffer->tail <= buffer->capacity);
    FUZZ_CHECK(buffer->capacity <= buffer->cap);
    FUZZ_CHECK(pop_buffer_length(buffer) == model->length);
    FUZZ_CHECK(
        fuzz_is_equal(pop_buffer_bytes(buffer), model->bytes, model->length));
}

/* The next octets, as they are put in. */
static const char *
put_in(struct model *model, char *bytes, size_t amount)
{
    size_t i;

    for (i = 0; i < amount; i++) {
        bytes[i] = (char)model->next++;
    }
    return bytes;
}

static void
check_refused(const struct pop_buffer *buffer, enum pop_status status,
              size_t amount, bool no_memory)
{
    if (status == POP_TOO_LONG) {
        FUZZ_CHECK(pop_buffer_length(buffer) + amount > buffer->cap);
    }
    else {
        FUZZ_CHECK(status == POP_NO_MEMORY && no_memory);
    }
}

static void
append(struct pop_buffer *buffer, struct model *model, size_t amount,
       bool no_memory)
{
    char bytes[UINT8_MAX * 16];
    enum pop_status status;

    status = pop_buffer_append(buffer, put_in(model, bytes, amount), amount);
    if (status != POP_OK) {
        check_refused(buffer, status, amount, no_memory);
        return;
    }
    memcpy(model->bytes + model->length, bytes, amount);
    model->length += amount;
}

/* As what is received is put in. */
static void
receive(struct pop_buffer *buffer, struct model *model, size_t amount,
        bool no_memory)
{
    enum pop_status status = pop_buffer_reserve(buffer, amount);
    size_t room = pop_buffer_room(buffer);

    if (status != POP_OK) {
        check_refused(buffer, status, amount, no_memory);
        return;
    }
    FUZZ_CHECK(room >= amount);
    if (amount > 0) {
        put_in(model, pop_buffer_space(buffer), amount);
        memcpy(model->bytes + model->length, pop_buffer_space(buffer), amount);
    }
    pop_buffer_commit(buffer, amount);
    model->length += amount;
}

static void
consume(struct pop_buffer *buffer, struct model *model, size_t amount)
{
    if (amount > model->length) {
        amount = model->length;
    }
    pop_buffer_consume(buffer, amount);
    model->length -= amount;
    memmove(model->bytes, model->bytes + amount, model->length);
}

static void
step(struct pop_buffer *buffer, struct model *model, unsigned what,
     size_t amount)
{
    bool no_memory = what >> 7;

    amount *= what & 0x40 ? 16 : 1;
    if (no_memory) {
        support_fail_allocation(0);
    }
    switch (what & 7) {
    case 0:
    case 1:
        append(buffer, model, amount, no_memory);
        break;
    case 2:
    case 3:
        receive(buffer, model, amount, no_memory);
        break;
    case 4:
    case 5:
        consume(buffer, model, amount);
        break;
    case 6:
        pop_buffer_trim(buffer, amount);
        FUZZ_CHECK(model->length > 0 || buffer->capacity <= amount);
        break;
    default:
        FUZZ_CHECK(pop_buffer_reserve(buffer, POP_BUFFER_NO_CAP - amount) !=
                   POP_OK);
        break;
    }
    (void)support_stop_failing();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model model;
    struct fuzz_input input = fuzz_begin(data, size);
    struct pop_buffer buffer;

    pop_buffer_init(&buffer, fuzz_take_pair(&input));
    model.length = 0;
    model.next = 0;
    while (input.length > 0 &&
           model.length < MOST_QUEUED - UINT8_MAX * (size_t)16) {
        unsigned what = fuzz_take(&input);

        step(&buffer, &model, what, fuzz_take(&input));
        check(&buffer, &model);
    }
    pop_buffer_release(&buffer);
    fuzz_end();
    return 0;
}
