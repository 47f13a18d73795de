/* Mailboxes in memory, every reply rendered beforehand.  A mailbox is made
   from its name, "SIZE x COUNT": "2k x 10000" holds 10,000 messages of 2,000
   octets. */

#ifndef BENCH_MAILBOX_H
#define BENCH_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct mailbox;

/* The mailboxes made so far; they stay until the process ends. */
struct mailboxes {
    pthread_mutex_t lock;
    struct mailbox *first;
};

struct text {
    const char *bytes;
    size_t length;
};

void mailboxes_init(struct mailboxes *mailboxes);

/* The mailbox of that name, made if it is the first time; NULL if it is no
   name of a mailbox, or out of memory. */
const struct mailbox *mailboxes_get(struct mailboxes *mailboxes,
                                    const char *name);

size_t mailbox_count(const struct mailbox *mailbox);

/* The octets of each message. */
size_t mailbox_size(const struct mailbox *mailbox);

/* The whole replies to LIST, UIDL and RETR `number`, which is in 1..count. */
struct text mailbox_list(const struct mailbox *mailbox);
struct text mailbox_uidl(const struct mailbox *mailbox);
struct text mailbox_retr(const struct mailbox *mailbox, size_t number);

/* The reply to TOP `number` `lines`, without the terminator. */
struct text mailbox_top(const struct mailbox *mailbox, size_t number,
                        size_t lines);

#endif
