/* The option read_ahead: messages that a loop over retr() will ask for next
   are asked for before it does (RFC 2449, section 6.6). */

#ifndef BINDING_READAHEAD_H
#define BINDING_READAHEAD_H

#include "binding/ahead.h"
#include "binding/slots.h"

/* The largest value of the option. */
#define READAHEAD_MOST 65535

#define READAHEAD_UNKNOWN (-1)

/* The slots are messages with consecutive numbers. */
struct readahead {
    struct ahead_owner owner;
    ReaderObject *reader; /* what the replies come from; NULL at first */
    struct slots slots;
    size_t dropped; /* replies to come before those, which nobody wants */
    enum pop_reply_form form;
    long long last;     /* message that was asked for last; 0 */
    long long messages; /* in the maildrop, at least; READAHEAD_UNKNOWN */
    bool logged_in;
};

/* What one connection has read ahead: at first nothing.  NULL and
   MemoryError. */
struct readahead *readahead_new(void);

/* Forgets it all; what is to come is nobody's. */
void readahead_clear(struct readahead *self);

void readahead_free(struct readahead *self);

int readahead_traverse(const struct readahead *self, visitproc visit,
                       void *arg);

/* The instance connects, perhaps once more. */
void readahead_reset(POP3Object *client);

/* Forgets what is held.  What is to come of it is received whole all the same,
   however large it is, one message at a time: the program has not left
   anything. */
void readahead_forget(struct readahead *self);

/* The first number that is held; 0 if none is. */
long long readahead_first(const struct readahead *self);

bool readahead_holds(const struct readahead *self, long long number);

/* A command line (bytes) goes out: after some, what was read ahead is not what
   the server would say. */
void readahead_note_line(POP3Object *client, PyObject *line);

/* A command was answered that the server allows after the login only. */
void readahead_note_login(POP3Object *client);

/* The maildrop has so many messages at least, says the server; a number below
   0 says nothing. */
void readahead_note_messages(POP3Object *client, long long messages);

/* What was read ahead is dropped, for there are other limits, or nothing is to
   be read ahead any more. */
void readahead_drop(POP3Object *client);

/* The session ends: what is on its way is dropped as it comes, if it is not
   too large.  0, or -1 and an exception: the connection can't be had. */
int readahead_quit(POP3Object *client);

#endif
