/* The option read_ahead: messages that a loop over retr() will ask for next
   are asked for before it does (RFC 2449, section 6.6). */

#ifndef BINDING_READ_AHEAD_H
#define BINDING_READ_AHEAD_H

#include "binding/dialogue/pipeline.h"
#include "binding/messages/bulk_slots.h"

/* The largest value of the option. */
#define READAHEAD_MOST 65535

/* The slots are messages with consecutive numbers. */
struct readahead {
    struct ahead_owner owner;
    ReaderObject *reader; /* what the replies come from; NULL at first */
    struct slots slots;
    size_t dropped; /* replies to come before those, which nobody wants */
    enum pop_reply_form form;
    long long last;     /* message that was asked for last; 0 */
    long long messages; /* the last that is known to exist; 0: none is */
    PyObject *deleted;  /* a set of numbers, or NULL */
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
   the server would say, or a message no longer exists.  0, or -1 and
   MemoryError. */
int readahead_note_line(POP3Object *client, PyObject *line);

/* STAT has counted the messages; a count below 1 says nothing. */
void readahead_note_count(POP3Object *client, long long count);

/* A listing had so many rows; the last row named the message `last`. */
void readahead_note_listing(POP3Object *client, long long rows,
                            long long last);

/* Whether the server has said that the message exists, and the program has not
   deleted it: 1, 0, or -1 and MemoryError. */
int readahead_is_there(const struct readahead *self, long long number);

/* What was read ahead is dropped, for there are other limits, or nothing is to
   be read ahead any more. */
void readahead_drop(POP3Object *client);

/* The session ends: what is on its way is dropped as it comes, if it is not
   too large.  0, or -1 and an exception: the connection can't be had. */
int readahead_quit(POP3Object *client);

#endif
