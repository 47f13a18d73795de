/* The option read_ahead: messages that a loop over retr() will ask for next
   are asked for before it does (RFC 2449, section 6.6).  These files keep what
   is held, and what is known of the messages; messages/read_ahead_turn.c asks
   for them.

   Calls the Reader and core/proto. */

#ifndef BINDING_READ_AHEAD_H
#define BINDING_READ_AHEAD_H

#include "binding/reader/requests.h"

/* The largest value of the option. */
#define READAHEAD_MOST 65535

/* All zero when nothing is held, and nothing known. */
struct read_ahead {
    struct requests requests; /* of messages with consecutive numbers */
    long long last;           /* message that was asked for last; 0 */
    long long messages;       /* the last that is known to exist; 0: none is */
    PyObject *deleted;        /* a set of numbers, or NULL */
};

int read_ahead_traverse(const struct read_ahead *self, visitproc visit,
                        void *arg);

/* Forgets everything: the instance connects, perhaps again, or is freed. */
void read_ahead_reset(struct read_ahead *self);

/* The first number that is held; 0 if none is. */
long long read_ahead_first(const struct read_ahead *self);

bool read_ahead_holds(const struct read_ahead *self, long long number);

/* A command line (bytes) goes out.  After some, the server would no longer
   answer what was read ahead, or a message no longer exists.  0, or -1 and
   MemoryError. */
int read_ahead_note_line(struct read_ahead *self, PyObject *line);

/* STAT has counted the messages; a count below 1 says nothing. */
void read_ahead_note_count(struct read_ahead *self, long long count);

/* A listing had so many rows; the last row named the message `last`. */
void read_ahead_note_listing(struct read_ahead *self, long long rows,
                             long long last);

/* Whether the server has said that the message exists, and the program has not
   deleted it: 1, 0, or -1 and MemoryError. */
int read_ahead_is_there(const struct read_ahead *self, long long number);

#endif
