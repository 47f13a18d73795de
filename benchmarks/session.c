#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define IN_ROOM ((size_t)64 * 1024)
#define OUT_ROOM ((size_t)256 * 1024)
/* Replies from this size on are sent from where they are. */
#define LARGE ((size_t)64 * 1024)
#define QUEUE_LENGTH 4096
#define WORD_ROOM 64

/* A reply that waits for its time. */
struct reply {
    int64_t due;
    struct text text; /* .bytes is NULL: it is in `own` */
    bool add_end;     /* the terminator follows */
    char own[WORD_ROOM];
};

struct session {
    const struct channel *channel;
    struct mailboxes *mailboxes;
    const struct mailbox *mailbox; /* NULL until the login */
    int64_t delay;
    bool in_pieces;
    char user[WORD_ROOM];
    bool quitting;
    size_t head; /* of the queue */
    size_t waiting;
    size_t in_length;
    size_t out_length;
    struct reply queue[QUEUE_LENGTH];
    char in[IN_ROOM];
    char out[OUT_ROOM];
};

/* --- answers ------------------------------------------------------------ */

static void
answer_text(struct reply *reply, struct text text)
{
    reply->text = text;
}

static void
answer(struct reply *reply, const char *text)
{
    answer_text(reply, (struct text){text, strlen(text)});
}

static void
answer_numbers(struct reply *reply, size_t first, size_t second)
{
    int length = snprintf(reply->own, sizeof(reply->own), "+OK %zu %zu\r\n",
                          first, second);

    answer_text(reply, (struct text){NULL, (size_t)length});
}

/* The message's number, or 0 and the reply that says so. */
static size_t
number_of(const struct session *session, const char *argument,
          struct reply *reply)
{
    size_t number = strtoul(argument, NULL, 10);

    if (number >= 1 && number <= mailbox_count(session->mailbox)) {
        return number;
    }
    answer(reply, "-ERR no such message\r\n");
    return 0;
}

static void
user(struct session *session, const char *argument, struct reply *reply)
{
    snprintf(session->user, sizeof(session->user), "%s", argument);
    answer(reply, "+OK\r\n");
}

static void
pass(struct session *session, const char *argument, struct reply *reply)
{
    (void)argument;
    session->mailbox = mailboxes_get(session->mailboxes, session->user);
    answer(reply,
           session->mailbox != NULL ? "+OK\r\n" : "-ERR no such mailbox\r\n");
}

static void
capa(struct session *session, const char *argument, struct reply *reply)
{
    (void)session;
    (void)argument;
    answer(reply, "+OK\r\nUSER\r\nTOP\r\nUIDL\r\nPIPELINING\r\n.\r\n");
}

static void
quit(struct session *session, const char *argument, struct reply *reply)
{
    (void)argument;
    session->quitting = true;
    answer(reply, "+OK bye\r\n");
}

static void
noop(struct session *session, const char *argument, struct reply *reply)
{
    (void)session;
    (void)argument;
    answer(reply, "+OK\r\n");
}

static void
stat_(struct session *session, const char *argument, struct reply *reply)
{
    size_t count = mailbox_count(session->mailbox);

    (void)argument;
    answer_numbers(reply, count, count * mailbox_size(session->mailbox));
}

static void
list(struct session *session, const char *argument, struct reply *reply)
{
    size_t number;

    if (*argument == '\0') {
        answer_text(reply, mailbox_list(session->mailbox));
        return;
    }
    number = number_of(session, argument, reply);
    if (number > 0) {
        answer_numbers(reply, number, mailbox_size(session->mailbox));
    }
}

static void
uidl(struct session *session, const char *argument, struct reply *reply)
{
    size_t number;
    int length;

    if (*argument == '\0') {
        answer_text(reply, mailbox_uidl(session->mailbox));
        return;
    }
    number = number_of(session, argument, reply);
    if (number > 0) {
        length = snprintf(reply->own, sizeof(reply->own),
                          "+OK %zu 00000001%08zx\r\n", number, number);
        answer_text(reply, (struct text){NULL, (size_t)length});
    }
}

static void
retr(struct session *session, const char *argument, struct reply *reply)
{
    size_t number = number_of(session, argument, reply);

    if (number > 0) {
        answer_text(reply, mailbox_retr(session->mailbox, number));
    }
}

static void
top(struct session *session, const char *argument, struct reply *reply)
{
    size_t number = number_of(session, argument, reply);
    const char *space = strchr(argument, ' ');

    if (number > 0) {
        size_t lines = space == NULL ? 0 : strtoul(space, NULL, 10);

        answer_text(reply, mailbox_top(session->mailbox, number, lines));
        reply->add_end = true;
    }
}

/* It stays. */
static void
dele(struct session *session, const char *argument, struct reply *reply)
{
    if (number_of(session, argument, reply) > 0) {
        answer(reply, "+OK\r\n");
    }
}

static const struct verb {
    const char *name;
    bool logged_in;
    void (*run)(struct session *session, const char *argument,
                struct reply *reply);
} verbs[] = {
    {"RETR", true, retr},  {"NOOP", true, noop},  {"TOP", true, top},
    {"LIST", true, list},  {"UIDL", true, uidl},  {"STAT", true, stat_},
    {"DELE", true, dele},  {"USER", false, user}, {"PASS", false, pass},
    {"CAPA", false, capa}, {"QUIT", false, quit},
};

static void
run_command(struct session *session, const char *line, struct reply *reply)
{
    size_t length = strcspn(line, " ");
    const char *argument = line + length + (line[length] == ' ');
    size_t i;

    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        const struct verb *verb = &verbs[i];

        if (strncasecmp(line, verb->name, length) == 0 &&
            verb->name[length] == '\0' &&
            (!verb->logged_in || session->mailbox != NULL)) {
            verb->run(session, argument, reply);
            return;
        }
    }
    answer(reply, "-ERR\r\n");
}

/* --- in ----------------------------------------------------------------- */

static struct reply *
enqueue(struct session *session, int64_t now)
{
    size_t at = (session->head + session->waiting) % QUEUE_LENGTH;
    struct reply *reply = &session->queue[at];

    session->waiting++;
    reply->due = now + session->delay;
    reply->add_end = false;
    return reply;
}

static bool
is_full(const struct session *session)
{
    return session->waiting == QUEUE_LENGTH;
}

/* Queues the replies to the whole lines that have come. */
static void
take_commands(struct session *session, int64_t now)
{
    size_t taken = 0;

    while (!is_full(session) && !session->quitting) {
        char *line = session->in + taken;
        char *lf = memchr(line, '\n', session->in_length - taken);

        if (lf == NULL) {
            break;
        }
        *lf = '\0';
        if (lf > line && lf[-1] == '\r') {
            lf[-1] = '\0';
        }
        run_command(session, line, enqueue(session, now));
        taken += (size_t)(lf - line) + 1;
    }
    session->in_length -= taken;
    memmove(session->in, session->in + taken, session->in_length);
}

/* --- out ---------------------------------------------------------------- */

static enum channel_result
flush(struct session *session)
{
    size_t length = session->out_length;

    session->out_length = 0;
    return length == 0 ? CHANNEL_OK
                       : channel_send(session->channel, session->out, length);
}

static enum channel_result
put(struct session *session, const char *bytes, size_t length)
{
    enum channel_result result = CHANNEL_OK;

    if (length >= OUT_ROOM - session->out_length || length >= LARGE) {
        result = flush(session);
    }
    if (result == CHANNEL_OK && length >= LARGE) {
        return channel_send(session->channel, bytes, length);
    }
    if (result == CHANNEL_OK) {
        memcpy(session->out + session->out_length, bytes, length);
        session->out_length += length;
    }
    return result;
}

/* Sends a reply with its terminator by three calls; one without lines by
   one. */
static enum channel_result
send_pieces(struct session *session, const char *bytes, size_t length)
{
    const char *lf = memchr(bytes, '\n', length);
    size_t status = (size_t)(lf - bytes) + 1;
    size_t end = length > status ? strlen(".\r\n") : 0;
    const size_t pieces[] = {status, length - status - end, end};
    enum channel_result result = CHANNEL_OK;
    size_t i;

    for (i = 0; result == CHANNEL_OK && i < 3; i++) {
        result = channel_send(session->channel, bytes, pieces[i]);
        bytes += pieces[i];
    }
    return result;
}

static enum channel_result
send_due(struct session *session)
{
    enum channel_result (*send)(struct session *, const char *,
                                size_t) = session->in_pieces ? send_pieces
                                                             : put;
    enum channel_result result = CHANNEL_OK;
    int64_t now = session->delay > 0 ? channel_now() : 0;

    while (result == CHANNEL_OK && session->waiting > 0 &&
           session->queue[session->head].due <= now) {
        const struct reply *reply = &session->queue[session->head];
        const char *bytes = reply->text.bytes != NULL ? reply->text.bytes
                                                      : reply->own;

        result = send(session, bytes, reply->text.length);
        if (result == CHANNEL_OK && reply->add_end) {
            result = send(session, ".\r\n", 3);
        }
        session->head = (session->head + 1) % QUEUE_LENGTH;
        session->waiting--;
    }
    return result == CHANNEL_OK ? flush(session) : result;
}

/* Waits for commands, until the next reply is due. */
static enum channel_result
wait_for_commands(struct session *session)
{
    int64_t due = CHANNEL_FOREVER;
    enum channel_result result;
    size_t received;

    if (session->waiting > 0) {
        due = session->queue[session->head].due;
    }
    if (session->quitting || is_full(session)) {
        return channel_wait(session->channel, 0, due);
    }
    result = channel_recv(session->channel, session->in + session->in_length,
                          IN_ROOM - session->in_length, &received, due);
    if (result == CHANNEL_OK) {
        session->in_length += received;
    }
    return result;
}

static void
run(struct session *session)
{
    answer(enqueue(session, 0), "+OK the load server is ready\r\n");
    session->queue[0].due = 0;
    while (send_due(session) == CHANNEL_OK) {
        if (session->quitting && session->waiting == 0) {
            return;
        }
        if (session->in_length == IN_ROOM ||
            wait_for_commands(session) == CHANNEL_CLOSED) {
            return;
        }
        take_commands(session, session->delay > 0 ? channel_now() : 0);
    }
}

void
session_serve(const struct channel *channel, struct mailboxes *mailboxes,
              int64_t delay, bool in_pieces)
{
    struct session *session = malloc(sizeof(*session));

    if (session == NULL) {
        return;
    }
    session->channel = channel;
    session->mailboxes = mailboxes;
    session->mailbox = NULL;
    session->delay = delay;
    session->in_pieces = in_pieces;
    session->user[0] = '\0';
    session->quitting = false;
    session->head = 0;
    session->waiting = 0;
    session->in_length = 0;
    session->out_length = 0;
    run(session);
    free(session);
}
