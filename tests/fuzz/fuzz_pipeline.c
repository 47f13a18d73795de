/* Commands sent ahead of their replies, with a server in memory.

   The input: where the transport cuts (2 octets: a bit for each octet, both
   ways; the last bit: every other send would have to wait); and what is done
   (1 each: the low bits; the rest: form, owner and reply of a command, or
   whose replies are not wanted any more). */

#include <string.h>

#include "core/proto/command.h"
#include "core/net/link.h"
#include "core/proto/pipeline.h"
#include "fuzz.h"
#include "support_memory.h"

#define MOST_COMMANDS 1024
#define OWNERS 4

/* A command as it was queued. */
struct sent {
    enum pop_reply_form form;
    unsigned reply; /* which one the server sends, see replies */
    void *owner;
    size_t octets;
    size_t before;
};

struct world {
    struct pop_transport base;
    struct fuzz_cuts cuts;
    struct pop_link link;
    struct pop_pipeline pipeline;
    struct sent commands[MOST_COMMANDS];
    size_t queued;   /* commands */
    size_t answered; /* of them, by the server */
    size_t read;     /* replies, by the client */
    size_t first;    /* since when the pipeline has not been empty */
    size_t received; /* octets, by the server */
    size_t sent;     /* octets, by the server */
    bool refuses;    /* to take more */
    struct pop_buffer server;
    char owners[OWNERS];
};

/* --- the server --------------------------------------------------------- */

struct reply {
    const char *end; /* of its status line */
    const char *lines;
    const char *text; /* of the lines, as read; a LF behind each */
    const char *octets;
};

static const struct reply replies[] = {
    {"\r\n", "a\r\n..b\r\n.\r\n", "a\n.b\n", "a\r\n.b\r\n"},
    {" \n", "\n\r.\n", "\n", "\n"},
    {"\r\n", "", "", ""},
    {"\r\n", ".\r\n", "", ""},
};
#define REPLIES (sizeof(replies) / sizeof(replies[0]))
#define REFUSAL 2

static bool
has_lines(const struct sent *command)
{
    return command->form != POP_NO_LINES && command->reply != REFUSAL;
}

/* The status line and lines of a reply to the command with this number. */
static size_t
write_reply(char *bytes, const struct sent *command, size_t number,
            const char *end, const char *lines)
{
    size_t length = 0;

    bytes[length++] = command->reply == REFUSAL ? '-' : '+';
    bytes[length++] = (char)('A' + number / 100);
    bytes[length++] = (char)('A' + number % 100);
    memcpy(bytes + length, end, strlen(end));
    length += strlen(end);
    memcpy(bytes + length, lines, strlen(lines));
    return length + strlen(lines);
}

static void
answer(struct world *self, const struct sent *command)
{
    const struct reply *reply = &replies[command->reply];
    char bytes[64];
    size_t length = write_reply(bytes, command, self->answered, reply->end,
                                has_lines(command) ? reply->lines : "");

    FUZZ_CHECK(pop_buffer_append(&self->server, bytes, length) == POP_OK);
    self->answered++;
}

static enum pop_status
world_send(struct pop_transport *transport, const char *bytes, size_t length,
           size_t *sent, struct pop_timeout *deadline, struct pop_error *error)
{
    struct world *self = (struct world *)transport;
    size_t i;

    (void)deadline;
    (void)error;
    *sent = 0;
    self->refuses = !self->refuses && self->cuts.pattern >> 15;
    if (self->refuses) {
        return POP_TIMEOUT;
    }
    *sent = fuzz_piece(&self->cuts, self->received, self->received + length);
    self->received += *sent;
    for (i = 0; i < *sent; i++) {
        if (bytes[i] == '\n') {
            answer(self, &self->commands[self->answered]);
        }
    }
    return POP_OK;
}

static enum pop_status
world_recv(struct pop_transport *transport, char *space, size_t room,
           size_t *received, struct pop_timeout *deadline,
           struct pop_error *error)
{
    struct world *self = (struct world *)transport;
    size_t length = pop_buffer_length(&self->server);

    (void)deadline;
    (void)error;
    *received = 0;
    if (length == 0) {
        return POP_TIMEOUT;
    }
    length = length < room ? length : room;
    *received = fuzz_piece(&self->cuts, self->sent, self->sent + length);
    memcpy(space, pop_buffer_bytes(&self->server), *received);
    pop_buffer_consume(&self->server, *received);
    self->sent += *received;
    return POP_OK;
}

static enum pop_status
world_wait(struct pop_transport *transport, bool receivable, bool sendable,
           struct pop_timeout *deadline, struct pop_error *error)
{
    (void)transport;
    (void)deadline;
    (void)error;
    FUZZ_CHECK(receivable && sendable);
    return POP_OK;
}

static const struct pop_transport_ops world_ops = {
    .recv = world_recv,
    .send = world_send,
    .wait = world_wait,
};

/* --- the client --------------------------------------------------------- */

static void
check_pipeline(const struct world *self)
{
    const struct pop_pipeline *pipeline = &self->pipeline;
    const struct pop_expected *next = pop_pipeline_next(pipeline);
    size_t octets = 0;
    size_t i;

    for (i = self->read; i < self->queued; i++) {
        octets += self->commands[i].octets;
    }
    FUZZ_CHECK(pipeline->octets == octets);
    FUZZ_CHECK(pipeline->count == self->queued - self->read);
    FUZZ_CHECK((next == NULL) == (self->queued == self->read));
    if (next != NULL) {
        const struct sent *command = &self->commands[self->read];

        FUZZ_CHECK(pipeline->sent == self->queued - self->first);
        FUZZ_CHECK(next->form == command->form);
        FUZZ_CHECK(next->octets == command->octets);
        FUZZ_CHECK(next->before == command->before);
        FUZZ_CHECK(next->owner == command->owner);
    }
}

static void
queue(struct world *self, unsigned how, bool no_memory)
{
    static const enum pop_reply_form forms[] = {POP_NO_LINES, POP_LINES,
                                                POP_OCTETS, POP_OCTETS};
    struct sent *command = &self->commands[self->queued];
    unsigned owner = how >> 2 & 3;
    struct pop_expected reply = {0};

    command->form = forms[how & 3];
    command->owner = owner == 0 ? NULL : &self->owners[owner];
    command->reply = how >> 4 & (REPLIES - 1);
    command->octets = 6;
    command->before = self->link.received;
    if (no_memory) {
        support_fail_allocation(0);
    }
    reply.form = command->form;
    reply.octets = command->octets;
    reply.before = command->before;
    reply.owner = command->owner;
    if (pop_pipeline_push(&self->pipeline, &reply) != POP_OK) {
        FUZZ_CHECK(support_stop_failing());
        return;
    }
    if (self->queued == self->read) {
        self->first = self->queued;
    }
    self->queued++;
    (void)support_stop_failing();
    FUZZ_CHECK(pop_command_append(&self->link.out, "NOOP", 4) == POP_OK);
}

/* Adds what a batch holds to the text of the reply. */
static size_t
add_batch(struct world *self, char *text, size_t length, bool with_ends)
{
    const struct pop_batch *batch = &self->link.batch;
    const char *bytes = pop_buffer_bytes(&self->link.in);
    size_t i;

    for (i = 0; i < batch->count; i++) {
        memcpy(text + length, bytes + batch->spans[i].offset,
               batch->spans[i].length);
        length += batch->spans[i].length;
        if (with_ends) {
            text[length++] = '\n';
        }
    }
    pop_link_take(&self->link);
    return length;
}

/* Reads the next reply, and gives it to its owner. */
static void
receive(struct world *self)
{
    const struct sent *command = &self->commands[self->read];
    const struct pop_expected *next = pop_pipeline_next(&self->pipeline);
    const struct reply *reply = &replies[command->reply];
    struct pop_link *link = &self->link;
    struct pop_error error;
    char expected[64];
    char text[64];
    size_t length = 0;

    if (next == NULL) {
        return;
    }
    FUZZ_CHECK(pop_link_begin(link, next->form, 64, 64) == POP_OK);
    do {
        enum pop_status status = pop_link_pump(link, &error);

        FUZZ_CHECK(status == POP_OK || status == POP_INTERRUPTED);
        if (status == POP_OK) {
            bool is_status = !self->pipeline.begun;

            length = add_batch(self, text, length,
                               is_status || command->form != POP_OCTETS);
            pop_pipeline_begin(&self->pipeline);
        }
    } while (link->reply.part != POP_REPLY_DONE);
    FUZZ_CHECK(pop_pipeline_pop(&self->pipeline) == command->owner);
    FUZZ_CHECK(!self->pipeline.begun);
    FUZZ_CHECK(length == write_reply(expected, command, self->read,
                                     command->reply == 1 ? " \n" : "\n",
                                     !has_lines(command) ? ""
                                     : command->form == POP_OCTETS
                                         ? reply->octets
                                         : reply->text));
    FUZZ_CHECK(fuzz_is_equal(text, expected, length));
    self->read++;
}

static void
disown(struct world *self, void *owner)
{
    size_t i;

    pop_pipeline_disown(&self->pipeline, owner);
    for (i = self->read; i < self->queued; i++) {
        if (self->commands[i].owner == owner) {
            self->commands[i].owner = NULL;
        }
    }
}

static void
step(struct world *self, unsigned what)
{
    struct pop_error error;

    switch (what & 3) {
    case 0:
    case 1:
        if (self->queued < MOST_COMMANDS) {
            queue(self, what >> 2, what & 1);
        }
        break;
    case 2:
        if (what & 4) {
            receive(self);
        }
        else {
            FUZZ_CHECK(pop_link_push(&self->link, &error) == POP_OK);
        }
        break;
    default:
        disown(self, &self->owners[what >> 2 & 3]);
        break;
    }
    check_pipeline(self);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world self;
    struct fuzz_input input = fuzz_begin(data, size);

    self.base.ops = &world_ops;
    self.refuses = false;
    self.cuts.pattern = fuzz_take_pair(&input);
    self.cuts.unit = 1;
    self.queued = self.answered = self.read = self.first = 0;
    self.received = self.sent = 0;
    pop_buffer_init(&self.server, POP_BUFFER_NO_CAP);
    pop_pipeline_init(&self.pipeline);
    pop_link_init(&self.link);
    self.link.transport = &self.base;
    while (input.length > 0) {
        step(&self, fuzz_take(&input));
    }
    while (self.read < self.queued) {
        receive(&self);
        check_pipeline(&self);
    }
    FUZZ_CHECK(pop_buffer_length(&self.link.in) == 0);
    pop_buffer_release(&self.server);
    pop_link_release(&self.link);
    pop_pipeline_release(&self.pipeline);
    fuzz_end();
    return 0;
}
