/* The option read_ahead: messages that a loop over retr() will ask for next
   are asked for before it does (RFC 2449, section 6.6). */

#ifndef BINDING_READ_AHEAD_H
#define BINDING_READ_AHEAD_H

#include "binding/dialogue/pipeline.h"
#include "binding/reader/requests.h"

/* The largest value of the option. */
#define READAHEAD_MOST 65535

/* The slots are messages with consecutive numbers. */
struct readahead {
    struct pipeline_owner owner;
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
struct readahead *read_ahead_new(void);

/* Forgets it all; what is to come is nobody's. */
void read_ahead_clear(struct readahead *self);

void read_ahead_free(struct readahead *self);

int read_ahead_traverse(const struct readahead *self, visitproc visit,
                        void *arg);

/* The instance connects, perhaps once more. */
void read_ahead_reset(POP3Object *client);

/* Forgets what is held.  What is to come of it is received whole all the same,
   however large it is, one message at a time: the program has not left
   anything. */
void read_ahead_forget(struct readahead *self);

/* The first number that is held; 0 if none is. */
long long read_ahead_first(const struct readahead *self);

bool read_ahead_holds(const struct readahead *self, long long number);

/* A command line (bytes) goes out: after some, what was read ahead is not what
   the server would say, or a message no longer exists.  0, or -1 and
   MemoryError. */
int read_ahead_note_line(POP3Object *client, PyObject *line);

/* STAT has counted the messages; a count below 1 says nothing. */
void read_ahead_note_count(POP3Object *client, long long count);

/* A listing had so many rows; the last row named the message `last`. */
void read_ahead_note_listing(POP3Object *client, long long rows,
                             long long last);

/* Whether the server has said that the message exists, and the program has not
   deleted it: 1, 0, or -1 and MemoryError. */
int read_ahead_is_there(const struct readahead *self, long long number);

/* What was read ahead is dropped, for there are other limits, or nothing is to
   be read ahead any more. */
void read_ahead_drop(POP3Object *client);

/* The session ends: what is on its way is dropped as it comes, if it is not
   too large.  0, or -1 and an exception: the connection can't be had. */
int read_ahead_quit(POP3Object *client);

#endif
