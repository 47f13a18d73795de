/* Commands that are checked and queued, and sent now and then.

   The input: the most that may be queued (1 octet), and for each command its
   verb (1: the low bits; the highest: the memory for it is refused; the next:
   some octets are sent before), the length of its argument (1), and that. */

#include <string.h>

#include "core/proto/command.h"
#include "fuzz.h"
#include "support_memory.h"

#define MOST_LINE 264
#define MOST_QUEUED ((size_t)64 * 1024)

/* What is queued, as it should be. */
struct model {
    char bytes[MOST_QUEUED];
    size_t length;
};

static bool
has_control(const char *line, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        if ((line[i] >= '\0' && line[i] < ' ') || line[i] == '\x7f') {
            return true;
        }
    }
    return false;
}

static size_t
make_line(char *line, unsigned verb, const struct fuzz_input *argument)
{
    const struct pop_command *command = pop_command(verb % POP_VERB_COUNT);
    size_t length = strlen(command->name);

    FUZZ_CHECK(length >= 3 && length <= 4);
    memcpy(line, command->name, length);
    if (argument->length > 0) {
        line[length++] = ' ';
        memcpy(line + length, argument->bytes, argument->length);
    }
    return length + argument->length;
}

static void
check_queued(const struct pop_buffer *out, const struct model *model)
{
    FUZZ_CHECK(pop_buffer_length(out) == model->length);
    FUZZ_CHECK(
        fuzz_is_equal(pop_buffer_bytes(out), model->bytes, model->length));
}

static void
queue(struct pop_buffer *out, struct model *model, const char *line,
      size_t length, bool no_memory)
{
    enum pop_status status;
    bool failed;

    if (no_memory) {
        support_fail_allocation(0);
    }
    status = pop_command_append(out, line, length);
    failed = support_stop_failing() && no_memory;
    FUZZ_CHECK((status == POP_NO_MEMORY) == failed);
    if (status == POP_OK) {
        memcpy(model->bytes + model->length, line, length);
        memcpy(model->bytes + model->length + length, "\r\n", 2);
        model->length += length + 2;
    }
    else if (status == POP_TOO_LONG) {
        FUZZ_CHECK(model->length + length + 2 > out->cap);
    }
    FUZZ_CHECK(out->capacity <= out->cap);
    check_queued(out, model);
}

static void
send(struct pop_buffer *out, struct model *model, size_t length)
{
    if (length > model->length) {
        length = model->length;
    }
    pop_buffer_consume(out, length);
    model->length -= length;
    memmove(model->bytes, model->bytes + length, model->length);
}

/* Nothing but lines; the front of the first may have been sent. */
static void
check_lines(const struct pop_buffer *out)
{
    const char *bytes = pop_buffer_bytes(out);
    size_t length = pop_buffer_length(out);
    size_t i;

    FUZZ_CHECK(length == 0 || bytes[length - 1] == '\n');
    for (i = 0; i < length; i++) {
        if (bytes[i] == '\n') {
            FUZZ_CHECK(i == 0 || bytes[i - 1] == '\r');
        }
        else if (has_control(bytes + i, 1)) {
            FUZZ_CHECK(bytes[i] == '\r' && bytes[i + 1] == '\n');
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model model;
    struct fuzz_input input = fuzz_begin(data, size);
    size_t cap = fuzz_limit(fuzz_take(&input));
    struct pop_buffer out;

    pop_buffer_init(&out, cap == POP_UNLIMITED_OCTETS ? POP_BUFFER_NO_CAP
                                                      : 16 * cap);
    model.length = 0;
    while (input.length > 0 && model.length < MOST_QUEUED - MOST_LINE) {
        char line[MOST_LINE];
        unsigned verb = fuzz_take(&input);
        struct fuzz_input argument;
        size_t length;

        argument = fuzz_take_bytes(&input, fuzz_take(&input));
        length = make_line(line, verb & 0x3f, &argument);
        if (verb & 0x40) {
            send(&out, &model, length);
        }
        FUZZ_CHECK((pop_command_check(line, length) == POP_CONTROL) ==
                   has_control(line, length));
        if (pop_command_check(line, length) == POP_OK) {
            queue(&out, &model, line, length, verb & 0x80);
        }
    }
    check_lines(&out);
    pop_buffer_release(&out);
    fuzz_end();
    return 0;
}
