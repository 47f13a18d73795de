/* The sans-I/O reply machine: reads a status line, or a status line and lines
   (RFC 1939, section 3), from bytes that arrive in any pieces.  Calls scan.h.

   A reply with lines ends at a line of one dot.  The end is certain if it is
   CRLF . CRLF, or if the server's status line does not end in CRLF: such a
   server stuffs the dots of all lines.  Any other end, such as LF . LF, is
   uncertain if the status line ended in CRLF.  It is the server's if the
   server sends messages as stored, with LF.  It is text of the message if the
   server stuffs dots after CRLF only; then the author of the message has
   chosen what follows.  The next bytes alone tell the two apart. */

#ifndef POP_REPLY_H
#define POP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/proto/scan.h"
#include "core/proto/status.h"

/* What follows a status line that begins with '+'. */
enum pop_reply_form {
    POP_NO_LINES, /* nothing */
    POP_LINES,    /* lines; each span is the text of one */
    POP_OCTETS    /* lines as they were sent: the spans together are the lines
                     with their line ends, without stuffed dots. No line is too
                     long. */
};

enum pop_reply_part {
    POP_REPLY_STATUS,
    POP_REPLY_LINES,
    POP_REPLY_DONE
};

struct pop_reply {
    enum pop_reply_part part;
    enum pop_reply_form form;
    bool in_line;        /* POP_OCTETS: a part of the line was given out */
    bool in_cr;          /* POP_OCTETS: that part ends in CR */
    bool strict;         /* the status line ended in CRLF */
    bool after_crlf;     /* the last line ended in CRLF; a line that is scanned
                            later follows it */
    bool is_certain;     /* the end is certain, once part is POP_REPLY_DONE */
    size_t end_octets;   /* of the line that is an uncertain end */
    long long announced; /* the number before "octets" in the status line;
                            without one, the first number, which may be the
                            octets of the lines; or -1 */
    bool in_octets;      /* announced is the number before "octets" */
    size_t status_limit; /* octets of the status line, line end included */
    size_t line_limit;   /* octets of each line, line end included */
    size_t size_limit;   /* octets of all lines; may be set until the first is
                            scanned */
    size_t searched;     /* octets of the incomplete line without an LF */
    size_t octets;       /* octets of the lines given out, line ends included,
                            without stuffed dots and the status line */
};

/* Spans that the caller has not taken.  Offsets count from the first unread
   byte. */
struct pop_batch {
    struct pop_span *spans;
    size_t capacity;
    size_t count;
    size_t scanned; /* leading bytes that the spans and a terminator cover; the
                       caller consumes them with the batch */
};

/* Begins a reply without a limit of size. */
void pop_reply_begin(struct pop_reply *reply, enum pop_reply_form form,
                     size_t status_limit, size_t line_limit);

/* Returns the limit of one line, given that all lines have `size_limit`. */
size_t pop_reply_line_limit(size_t line_limit, size_t size_limit);

/* Makes the scan drop the rest of the lines, of any length.  The caller has
   taken the batch. */
void pop_reply_drop(struct pop_reply *reply);

/* Continues after an uncertain end that was a line of the message: adds the
   line to the batch, which the caller has not taken.  Returns POP_OK or
   POP_TOO_MUCH. */
enum pop_status pop_reply_go_on(struct pop_reply *reply, const char *bytes,
                                struct pop_batch *batch);

/* Returns true if the bytes begin with a whole reply. */
bool pop_reply_is_whole(enum pop_reply_form form, const char *bytes,
                        size_t length);

/* Returns how many bytes follow the last certain end of a reply with lines, or
   `length` if none is near the end of the bytes.  A reply that begins before
   those bytes is whole. */
size_t pop_reply_after_end(const char *bytes, size_t length);

/* Scans `bytes`, the unread bytes from the first on, from where the batch
   ends, and adds what it finds to the batch.  The status line comes in a batch
   of its own.  Returns POP_OK: take the batch; it is full, it is the status
   line, or reply->part is POP_REPLY_DONE.  POP_NEED_INPUT: call again with
   more bytes; the batch may hold spans.  POP_TOO_LONG: a line exceeds its
   limit; the reply is lost.  POP_TOO_MUCH: the lines exceed their limit; the
   caller may take the batch and call pop_reply_drop(). */
enum pop_status pop_reply_scan(struct pop_reply *reply, const char *bytes,
                               size_t length, struct pop_batch *batch);

#endif
