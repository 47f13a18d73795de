#include "mailbox.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_ROOM 64
#define SMALLEST ((size_t)1000)
#define LARGEST ((size_t)1000 * 1000 * 1000)
#define LARGEST_COUNT ((size_t)100 * 1000 * 1000)
/* Further messages of a mailbox are the first ones again. */
#define DISTINCT_OCTETS ((size_t)48 * 1000 * 1000)
#define LINE_LENGTH 76
#define POOL_OCTETS 4096

/* Text that grows; `failed` once it was out of memory. */
struct draft {
    char *bytes;
    size_t length;
    size_t capacity;
    bool failed;
};

struct mailbox {
    struct mailbox *next;
    char name[NAME_ROOM];
    size_t count;
    size_t octets;      /* of each message */
    size_t distinct;    /* messages; number n is the same as n + distinct */
    struct draft text;  /* their replies to RETR, one after the other */
    size_t *starts;     /* of each in `text`, and of what would follow */
    size_t *top_octets; /* of each: the status line and the headers */
    struct draft list;
    struct draft uidl;
};

/* --- drafts ------------------------------------------------------------- */

static void
draft_add(struct draft *draft, const char *bytes, size_t length)
{
    if (draft->failed) {
        return;
    }
    if (draft->capacity - draft->length < length) {
        size_t capacity = 2 * draft->capacity + length;
        char *grown = realloc(draft->bytes, capacity);

        if (grown == NULL) {
            draft->failed = true;
            return;
        }
        draft->bytes = grown;
        draft->capacity = capacity;
    }
    memcpy(draft->bytes + draft->length, bytes, length);
    draft->length += length;
}

/* Up to 255 octets. */
static void
draft_print(struct draft *draft, const char *format, ...)
{
    char room[256];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(room, sizeof(room), format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(room)) {
        draft->failed = true;
        return;
    }
    draft_add(draft, room, (size_t)length);
}

/* --- messages ----------------------------------------------------------- */

struct noise {
    uint64_t state;
    char pool[POOL_OCTETS + LINE_LENGTH];
};

static uint32_t
noise_next(struct noise *noise)
{
    noise->state = noise->state * UINT64_C(6364136223846793005) +
                   UINT64_C(1442695040888963407);
    return (uint32_t)(noise->state >> 33);
}

static void
noise_init(struct noise *noise)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t i;

    noise->state = 1939;
    for (i = 0; i < sizeof(noise->pool); i++) {
        noise->pool[i] = alphabet[noise_next(noise) % 64];
    }
}

/* Returns the octets of the message's headers and the empty line. */
static size_t
add_headers(struct draft *draft, size_t number)
{
    static const char *const hops[] = {"mx", "relay", "filter", "store"};
    size_t before = draft->length;
    size_t i;

    for (i = 0; i < sizeof(hops) / sizeof(hops[0]); i++) {
        draft_print(draft,
                    "Received: from %s.example.org (%s.example.org "
                    "[192.0.2.%zu])\r\n\tby mail.example.com with ESMTPS id "
                    "%zu\r\n",
                    hops[i], hops[i], i + 1, number);
    }
    draft_print(draft,
                "From: Alice <alice@example.org>\r\n"
                "To: Bob <bob@example.com>\r\n"
                "Subject: Message %zu of the benchmark\r\n"
                "Message-ID: <%zu.benchmark@example.org>\r\n"
                "MIME-Version: 1.0\r\n\r\n",
                number, number);
    return draft->length - before;
}

/* Most lines are as long as those of base64; a few begin with a dot, which is
   sent twice.  `left` counts what the message has, not the second dot. */
static void
add_body(struct draft *draft, struct noise *noise, size_t left)
{
    while (left > 0) {
        uint32_t random = noise_next(noise);
        size_t length = random % 4 == 0 ? random / 4 % LINE_LENGTH
                                        : (size_t)LINE_LENGTH;
        const char *line = noise->pool + random / 512 % POOL_OCTETS;

        if (left <= LINE_LENGTH + 2) {
            length = left - 2;
        }
        else if (left - length - 2 == 1) {
            length--;
        }
        if (random % 63 == 0 && length > 0) {
            draft_add(draft, "..", 2);
            draft_add(draft, line + 1, length - 1);
        }
        else {
            draft_add(draft, line, length);
        }
        draft_add(draft, "\r\n", 2);
        left -= length + 2;
    }
}

static void
add_messages(struct mailbox *mailbox)
{
    struct noise noise;
    struct draft *text = &mailbox->text;
    size_t i;

    noise_init(&noise);
    for (i = 0; i < mailbox->distinct; i++) {
        size_t headers;

        mailbox->starts[i] = text->length;
        draft_print(text, "+OK %zu octets\r\n", mailbox->octets);
        headers = add_headers(text, i + 1);
        mailbox->top_octets[i] = text->length - mailbox->starts[i];
        add_body(text, &noise, mailbox->octets - headers);
        draft_add(text, ".\r\n", 3);
    }
    mailbox->starts[i] = text->length;
}

static void
add_listings(struct mailbox *mailbox)
{
    size_t number;

    draft_print(&mailbox->list, "+OK %zu messages\r\n", mailbox->count);
    draft_print(&mailbox->uidl, "+OK\r\n");
    for (number = 1; number <= mailbox->count; number++) {
        draft_print(&mailbox->list, "%zu %zu\r\n", number, mailbox->octets);
        draft_print(&mailbox->uidl, "%zu 00000001%08zx\r\n", number, number);
    }
    draft_add(&mailbox->list, ".\r\n", 3);
    draft_add(&mailbox->uidl, ".\r\n", 3);
}

/* --- mailboxes ---------------------------------------------------------- */

static bool
parse_name(const char *name, size_t *octets, size_t *count)
{
    char *end;

    *octets = strtoul(name, &end, 10);
    if (*end == 'k' || *end == 'M') {
        *octets *= *end == 'k' ? 1000 : 1000 * 1000;
        end++;
    }
    if (strncmp(end, " x ", 3) != 0) {
        return false;
    }
    *count = strtoul(end + 3, &end, 10);
    return *end == '\0' && *octets >= SMALLEST && *octets <= LARGEST &&
           *count >= 1 && *count <= LARGEST_COUNT;
}

static void
mailbox_free(struct mailbox *mailbox)
{
    free(mailbox->text.bytes);
    free(mailbox->starts);
    free(mailbox->top_octets);
    free(mailbox->list.bytes);
    free(mailbox->uidl.bytes);
    free(mailbox);
}

static struct mailbox *
mailbox_new(const char *name)
{
    struct mailbox *mailbox = calloc(1, sizeof(*mailbox));
    size_t distinct;

    if (mailbox == NULL || strlen(name) >= sizeof(mailbox->name) ||
        !parse_name(name, &mailbox->octets, &mailbox->count)) {
        free(mailbox);
        return NULL;
    }
    memcpy(mailbox->name, name, strlen(name) + 1);
    distinct = DISTINCT_OCTETS / mailbox->octets + 1;
    if (distinct > mailbox->count) {
        distinct = mailbox->count;
    }
    mailbox->distinct = distinct;
    mailbox->starts = calloc(distinct + 1, sizeof(*mailbox->starts));
    mailbox->top_octets = calloc(distinct, sizeof(*mailbox->top_octets));
    if (mailbox->starts != NULL && mailbox->top_octets != NULL) {
        add_messages(mailbox);
        add_listings(mailbox);
        if (!mailbox->text.failed && !mailbox->list.failed &&
            !mailbox->uidl.failed) {
            return mailbox;
        }
    }
    mailbox_free(mailbox);
    return NULL;
}

void
mailboxes_init(struct mailboxes *mailboxes)
{
    pthread_mutex_init(&mailboxes->lock, NULL);
    mailboxes->first = NULL;
}

const struct mailbox *
mailboxes_get(struct mailboxes *mailboxes, const char *name)
{
    struct mailbox *mailbox;

    pthread_mutex_lock(&mailboxes->lock);
    mailbox = mailboxes->first;
    while (mailbox != NULL && strcmp(mailbox->name, name) != 0) {
        mailbox = mailbox->next;
    }
    if (mailbox == NULL) {
        mailbox = mailbox_new(name);
        if (mailbox != NULL) {
            mailbox->next = mailboxes->first;
            mailboxes->first = mailbox;
        }
    }
    pthread_mutex_unlock(&mailboxes->lock);
    return mailbox;
}

size_t
mailbox_count(const struct mailbox *mailbox)
{
    return mailbox->count;
}

size_t
mailbox_size(const struct mailbox *mailbox)
{
    return mailbox->octets;
}

struct text
mailbox_list(const struct mailbox *mailbox)
{
    return (struct text){mailbox->list.bytes, mailbox->list.length};
}

struct text
mailbox_uidl(const struct mailbox *mailbox)
{
    return (struct text){mailbox->uidl.bytes, mailbox->uidl.length};
}

struct text
mailbox_retr(const struct mailbox *mailbox, size_t number)
{
    size_t i = (number - 1) % mailbox->distinct;

    return (struct text){mailbox->text.bytes + mailbox->starts[i],
                         mailbox->starts[i + 1] - mailbox->starts[i]};
}

struct text
mailbox_top(const struct mailbox *mailbox, size_t number, size_t lines)
{
    struct text text = mailbox_retr(mailbox, number);
    size_t end = mailbox->top_octets[(number - 1) % mailbox->distinct];

    for (; lines > 0 && end < text.length - 3; lines--) {
        const char *lf = memchr(text.bytes + end, '\n', text.length - end);

        end = (size_t)(lf - text.bytes) + 1;
    }
    text.length = end;
    return text;
}
