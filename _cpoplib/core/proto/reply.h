/* The sans-IO reply machine: a status line, or a status line and lines
   (RFC 1939, section 3).  It can be restarted at any byte.

   A reply with lines ends at a line of one dot.  The end is certain if it is
   CRLF . CRLF, or if the server ends its own status line in another way: then
   it stuffs the dots of all lines.  Any other end, such as LF . LF, is
   uncertain if the status line ended in CRLF.  It is the server's if that
   sends messages as they are stored, with LF.  It is the text of a message if
   the server stuffs dots after CRLF only, and then the author of the message
   has chosen what follows.  Only what follows tells one from the other. */

#ifndef POP_REPLY_H
#define POP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/proto/scan.h"
#include "core/proto/status.h"

/* What follows a status line that begins with '+'. */
enum pop_reply_form {
    POP_NO_LINES, /* nothing */
    POP_LINES,    /* lines: a span is the text of one */
    POP_OCTETS    /* the same, as they were sent: the spans in a row are the
                     lines with their line ends, without the dots that were
                     added.  No line is too long. */
};

enum pop_reply_part {
    POP_REPLY_STATUS,
    POP_REPLY_LINES,
    POP_REPLY_DONE
};

struct pop_reply {
    enum pop_reply_part part;
    enum pop_reply_form form;
    bool in_line;        /* POP_OCTETS: the line that comes next has begun */
    bool in_cr;          /* and what was given out of it ends in CR */
    bool strict;         /* the status line ended in CRLF */
    bool after_crlf;     /* so did the last line */
    bool is_certain;     /* the end, once the part is POP_REPLY_DONE */
    size_t end_octets;   /* of the line that is an uncertain end */
    long long announced; /* the number before "octets" in the status line, or
                            else the first one, which may be the octets of the
                            lines; -1 without one */
    bool in_octets;      /* it is the former */
    size_t status_limit; /* octets of the status line, line end included */
    size_t line_limit;   /* octets of each further line */
    size_t size_limit;   /* octets of them all; may be set until the first of
                            them is scanned */
    size_t searched;     /* of the line that is not complete yet */
    size_t octets;       /* of the lines given out, line ends included; a
                            removed dot is not counted, and neither is the
                            status line */
};

/* Spans given out and not yet taken by the host.  The offsets are relative
   to the first unread byte. */
struct pop_batch {
    struct pop_span *spans;
    size_t capacity;
    size_t count;
    size_t scanned; /* leading bytes that the spans and any terminator
                       cover: what the host consumes with the batch */
};

/* Expect a whole reply, of any size. */
void pop_reply_begin(struct pop_reply *reply, enum pop_reply_form form,
                     size_t status_limit, size_t line_limit);

/* Expect the lines of a reply whose status line has been read already. */
void pop_reply_begin_lines(struct pop_reply *reply, size_t line_limit);

/* The limit of one line where all of them together have one, too. */
size_t pop_reply_line_limit(size_t line_limit, size_t size_limit);

/* What is left of the lines is not wanted, however long they are: with the
   batch taken, the scan goes on, and needs no whole line. */
void pop_reply_drop(struct pop_reply *reply);

/* The end that was found, which is uncertain, was a line of the message: adds
   it to the batch, which is not taken yet, and expects more lines.  POP_OK or
   POP_TOO_MUCH. */
enum pop_status pop_reply_go_on(struct pop_reply *reply, const char *bytes,
                                struct pop_batch *batch);

/* Whether these bytes begin with a whole reply, which a scan from its start
   would find without any more of them. */
bool pop_reply_is_whole(enum pop_reply_form form, const char *bytes,
                        size_t length);

/* How many of these bytes come after the last certain end of a reply with
   lines, as far as that is easily seen; all of them otherwise.  A reply that
   begins before those is whole. */
size_t pop_reply_behind_end(const char *bytes, size_t length);

/* Goes on through `bytes`, the unread bytes from the first on, behind what
   the batch has scanned, and adds what it finds to the batch.  The
   status line, if one is expected, comes first, in a batch of its own.

   POP_OK: the batch is to be taken: it is full, it is the status line, or
   reply->part is POP_REPLY_DONE.  POP_NEED_INPUT: all bytes were looked at;
   call again with more (the batch may hold spans).  POP_TOO_LONG: a line over
   its limit; the reply is lost.  POP_TOO_MUCH: all of them over theirs; with
   the batch taken, pop_reply_drop() can follow. */
enum pop_status pop_reply_scan(struct pop_reply *reply, const char *bytes,
                               size_t length, struct pop_batch *batch);

#endif
