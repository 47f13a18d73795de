/* Drives core/ without sockets, for counting its instructions.

   coredriver noop|list|retr TIMES

   One command and its reply, so many times: a status line, 200,000 short
   lines, or the 20,000 octets of a message.  What is to be counted is the
   function drive(). */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/proto/command.h"
#include "core/net/link.h"

#define LINES_OF_LIST 200000
#define LINES_OF_RETR 256
/* As much as one recv() brings. */
#define SEGMENT ((size_t)32 * 1024)

/* Answers whatever is sent with `reply`. */
struct memory_transport {
    struct pop_transport base;
    const char *reply;
    size_t length;
    size_t received;
};

static enum pop_status
memory_recv(struct pop_transport *transport, char *space, size_t room,
            size_t *received, struct pop_timeout *timeout,
            struct pop_error *error)
{
    struct memory_transport *self = (struct memory_transport *)transport;
    size_t length = self->length - self->received;

    (void)timeout;
    (void)error;
    if (length > room) {
        length = room;
    }
    if (length > SEGMENT) {
        length = SEGMENT;
    }
    memcpy(space, self->reply + self->received, length);
    self->received += length;
    *received = length;
    return length > 0 ? POP_OK : POP_EOF;
}

static enum pop_status
memory_send(struct pop_transport *transport, const char *bytes, size_t length,
            size_t *sent, struct pop_timeout *timeout, struct pop_error *error)
{
    struct memory_transport *self = (struct memory_transport *)transport;

    (void)bytes;
    (void)timeout;
    (void)error;
    self->received = 0;
    *sent = length;
    return POP_OK;
}

static bool
memory_readable(struct pop_transport *transport)
{
    (void)transport;
    return false;
}

static const struct pop_transport_ops memory_ops = {
    .recv = memory_recv,
    .send = memory_send,
    .readable = memory_readable,
};

/* `lines` times the line between a status line and the terminator, which a
   reply without lines lacks. */
static char *
render(const char *line, size_t lines, size_t *length)
{
    size_t octets = strlen(line);
    char *reply = malloc(lines * octets + 16);
    char *at = reply;

    if (reply == NULL) {
        return NULL;
    }
    memcpy(at, "+OK\r\n", 5);
    at += 5;
    for (; lines > 0; lines--) {
        memcpy(at, line, octets);
        at += octets;
    }
    if (octets > 0) {
        memcpy(at, ".\r\n", 3);
        at += 3;
    }
    *length = (size_t)(at - reply);
    return reply;
}

static int
exchange(struct pop_link *link, struct pop_spare *spare, const char *command,
         bool multiline)
{
    struct pop_error error;

    pop_link_borrow(link, spare);
    if (pop_link_has_unread(link) ||
        pop_command_append(&link->out, command, strlen(command)) != POP_OK ||
        pop_link_flush(link, &error) != POP_OK ||
        pop_link_begin(link, multiline, 2048, (size_t)1 << 24) != POP_OK) {
        return -1;
    }
    do {
        enum pop_status status = pop_link_pump(link, &error);

        if (status == POP_OK) {
            pop_link_take(link);
        }
        else if (status != POP_INTERRUPTED) {
            return -1;
        }
    } while (link->reply.part != POP_REPLY_DONE);
    pop_link_return(link, spare);
    return 0;
}

int drive(struct pop_link *link, struct pop_spare *spare, const char *command,
          bool multiline, size_t times);

int
drive(struct pop_link *link, struct pop_spare *spare, const char *command,
      bool multiline, size_t times)
{
    int failed = 0;

    for (; times > 0 && !failed; times--) {
        failed = exchange(link, spare, command, multiline);
    }
    return failed;
}

static const struct workload {
    const char *name;
    const char *command;
    const char *line;
    size_t lines;
} workloads[] = {
    {"noop", "NOOP", "", 0},
    {"list", "LIST", "123456 2000\r\n", LINES_OF_LIST},
    {"retr", "RETR 1",
     "VGhpcyBpcyBhIGxpbmUgb2YgYmFzZTY0LCBhcyBtb3N0IGxpbmVzIG9mIG1haWwgYXJlIGlu"
     "IGl0\r\n",
     LINES_OF_RETR},
};

static int
run(const struct workload *workload, size_t times)
{
    struct memory_transport transport = {.base.ops = &memory_ops};
    struct pop_link link;
    struct pop_spare spare = {.spans = NULL};
    int failed;
    char *reply = render(workload->line, workload->lines, &transport.length);

    if (reply == NULL) {
        return 1;
    }
    transport.reply = reply;
    pop_link_init(&link);
    link.transport = &transport.base;
    failed = drive(&link, &spare, workload->command, workload->lines > 0,
                   times);
    pop_link_release_spare(&spare);
    pop_link_release(&link);
    free(reply);
    return failed != 0;
}

int
main(int argc, char **argv)
{
    size_t i;

    for (i = 0; argc == 3 && i < sizeof(workloads) / sizeof(*workloads); i++) {
        if (strcmp(argv[1], workloads[i].name) == 0) {
            return run(&workloads[i], strtoul(argv[2], NULL, 10));
        }
    }
    fprintf(stderr, "usage: coredriver noop|list|retr TIMES\n");
    return 2;
}
