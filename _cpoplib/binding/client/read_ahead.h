/* The option read_ahead: requests messages before a loop over retr() asks for
   them (RFC 2449, section 6.6).  These files keep the requests and their
   answers, and which messages exist; messages/read_ahead_turn.c sends the
   requests.

   Calls the Reader and core/proto. */

#ifndef BINDING_READ_AHEAD_H
#define BINDING_READ_AHEAD_H

#include "binding/reader/requests.h"

/* All zero if nothing is held or known. */
struct read_ahead {
    struct requests requests; /* of messages with consecutive numbers */
    long long last;           /* message that was retrieved last; 0 */
    long long messages;       /* the last that is known to exist; 0 */
    PyObject *deleted;        /* a set of numbers, or NULL */
};

int read_ahead_traverse(const struct read_ahead *self, visitproc visit,
                        void *arg);

/* Forgets everything, when the instance connects or is freed. */
void read_ahead_reset(struct read_ahead *self);

/* Returns the first number that is held, or 0. */
long long read_ahead_first(const struct read_ahead *self);

bool read_ahead_holds(const struct read_ahead *self, long long number);

/* Notes a command line (bytes) that is about to be sent: some change what the
   server would answer, or which messages exist.  Returns -1 and raises
   MemoryError. */
int read_ahead_note_line(struct read_ahead *self, PyObject *line);

/* Notes the count of STAT; ignores one below 1. */
void read_ahead_note_count(struct read_ahead *self, long long count);

/* Notes the rows of a listing, and the message that the last row named. */
void read_ahead_note_listing(struct read_ahead *self, long long rows,
                             long long last);

/* Returns whether the server has said that the message exists, and the program
   has not deleted it: 1, 0, or -1 and MemoryError. */
int read_ahead_is_there(const struct read_ahead *self, long long number);

#endif
