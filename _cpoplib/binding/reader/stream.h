/* Sends a line and reads a reply through a Reader, for commands.  Calls
   reader, progress, lines, base and core.  The functions need the GIL;
   "inside" means that the caller holds the reader's lock. */

#ifndef BINDING_STREAM_H
#define BINDING_STREAM_H

#include "binding/reader/reader.h"

/* Octets, or POP_UNLIMITED_OCTETS. */
struct stream_limits {
    size_t status; /* of the status line */
    size_t line;   /* of each further line */
    size_t size;   /* of all of those together */
};

/* The most that is read and dropped of a refused reply. */
#define STREAM_DROPPED_OCTETS ((size_t)16 * 1024 * 1024)

/* Takes the lines of a reply as they arrive. */
struct stream_sink {
    enum pop_reply_form form;
    enum pop_end_rule rule;
    /* Takes the spans of link->batch.  Returns -1 and an exception. */
    int (*take)(struct stream_sink *sink, const struct pop_link *link);
};

struct stream_reply {
    PyObject *response; /* the status line */
    bool is_positive;   /* begins with '+'; if not, the sink took nothing */
    size_t octets;      /* of the lines */
};

/* Sends the line and CRLF.  Returns -1 and an exception. */
int stream_send(ReaderObject *reader, const char *line, size_t length);

/* Returns -1 and raises error_proto unless the stream is at rest: every
   command is answered, and no unread bytes could pass for the next answer.
   Also raises the exceptions of progress_check(). */
int stream_check_at_rest(ReaderObject *reader);

/* Enters the Reader and calls stream_check_at_rest(); returns -1, not entered,
   if either raises. */
int stream_enter_at_rest(ReaderObject *reader);

/* Like stream_check_at_rest(), without receiving: every command sent is
   answered, and its reply read.  Called after the user's code saw a line
   before it is sent: that code may use the connection, or play the server and
   answer early. */
int stream_check_answered(ReaderObject *reader);

/* Enters the Reader and calls stream_check_answered(); returns -1, not
   entered, if either raises. */
int stream_enter_answered(ReaderObject *reader);

/* Calls reader_queue(); if no reply is pending, stream_check_answered() first.
   Returns -1 and an exception. */
int stream_queue(ReaderObject *reader, PyObject *line,
                 enum pop_reply_form form, void *owner);

/* Reads one line of at most `limit` octets, with its line end; less, or b"",
   at the end of the stream.  `answers`: the line answers the oldest command.
   Returns a new reference, or NULL and an exception. */
PyObject *stream_raw_line(ReaderObject *reader, size_t limit, bool answers);

/* Reads one status line, without its line end; it answers the oldest command.
   Raises error_proto('-ERR EOF') at the end of the stream. */
PyObject *stream_status(ReaderObject *reader, size_t limit);

/* Like stream_status(), but inside, and the stream is in step. */
PyObject *stream_status_inside(ReaderObject *reader, size_t limit,
                               enum pop_end_rule rule);

/* Reads a whole multi-line reply; the sink takes its lines.  Fills the reply
   (new reference), or returns -1 and an exception: error_proto for a reply
   over its limits.  The rest of a reply that is too large, or whose octets
   (POP_OCTETS) the sink refused, is dropped up to STREAM_DROPPED_OCTETS. */
int stream_read_reply(ReaderObject *reader, const struct stream_limits *limits,
                      struct stream_sink *sink, struct stream_reply *reply);

/* Like stream_read_reply(), but inside, and the stream is in step. */
int stream_read_reply_inside(ReaderObject *reader,
                             const struct stream_limits *limits,
                             struct stream_sink *sink,
                             struct stream_reply *reply);

/* Sends the line and CRLF and reads the reply like stream_read_reply().
   Inside, and the stream is at rest.  Fills the reply (new reference), or
   returns -1 and an exception. */
int stream_exchange(ReaderObject *reader, const char *line, size_t length,
                    const struct stream_limits *limits,
                    struct stream_sink *sink, struct stream_reply *reply);

#endif
