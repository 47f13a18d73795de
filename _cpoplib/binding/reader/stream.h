/* Sends a line and reads a reply through a Reader, for commands.  Calls
   reader, progress, base and core.  The functions need the guard's section;
   "inside" means that the caller has entered the Reader. */

#ifndef BINDING_STREAM_H
#define BINDING_STREAM_H

#include "binding/reader/reader.h"

/* Octets, or POP_UNLIMITED_OCTETS.  See "a limit of replies" in README.rst. */
struct stream_limits {
    size_t status; /* of the status line */
    size_t line;   /* of each further line */
    size_t size;   /* of all of those together */
};

/* The most that is read and dropped of a refused reply. */
#define STREAM_DROPPED_OCTETS ((size_t)16 * 1024 * 1024)

/* A reply: what is expected, where its lines go, and what was read. */
struct stream_sink {
    enum pop_reply_form form;
    enum pop_end_rule rule;
    struct stream_limits limits;
    /* Takes the spans of link->batch as they arrive.  Returns -1 and an
       exception.  Not called for a refusal. */
    int (*take)(struct stream_sink *sink, const struct pop_link *link);
    PyObject *response; /* the status line, once read */
    bool is_positive;   /* it begins with '+' */
    size_t octets;      /* of the lines */
    /* What sinks.h collects: a list or bytes; NULL before the first batch. */
    PyObject *value;
    size_t used;       /* octets of the bytes */
    PyObject *failure; /* raised once the rest of the reply is dropped */
    size_t kept;       /* octets of the lines before that */
    bool is_sending;   /* the command, whose reply comes next */
    size_t queued;     /* octets to send then */
};

/* The results of a read through a link that is_polled. */
enum stream_result {
    STREAM_FAILED = -1, /* an exception is pending */
    STREAM_DONE = 0,
    STREAM_WAITS = 1 /* call stream_go_on() after the wait, or after others had
                        their turn: link->wants is empty then */
};

/* Sends the line (bytes or bytearray) and CRLF if what is `needed` holds:
   READER_TO_SEND, or READER_ANSWERED as well.  Returns -1 and an exception. */
int stream_send(ReaderObject *reader, PyObject *line, enum reader_need needed);

/* Queues a command line (bytes, without line end), sent during the next
   receive; its reply is the last of the pipeline.  Returns -1 and an exception
   if it was not queued. */
int stream_queue(ReaderObject *reader, PyObject *line,
                 enum pop_reply_form form, void *owner);

/* Reads one line of at most `limit` octets, with its line end; less, or b"",
   at the end of the stream.  It may be a status line or a line of a message.
   `answers`: it is taken for the answer to the oldest command, if any.
   Returns a new reference, or NULL and an exception. */
PyObject *stream_raw_line(ReaderObject *reader, size_t limit, bool answers);

/* Reads a whole reply.  Inside, and the stream is in step.  Fills the sink's
   response (new reference), or returns -1 and an exception: error_proto for a
   reply over its limits, and at the end of the stream.  The rest of a reply
   that is too large, or whose octets (POP_OCTETS) the sink refused, is dropped
   up to STREAM_DROPPED_OCTETS.  If the link is_polled, returns enum
   stream_result. */
int stream_read(ReaderObject *reader, struct stream_sink *sink);

/* Queues the line (bytes) and CRLF; NULL for a reply that no command asks for,
   the greeting.  stream_go_on() sends it, and reads the reply.  Inside, and
   the stream is at rest.  Returns -1 and an exception. */
int stream_start(ReaderObject *reader, PyObject *line,
                 struct stream_sink *sink);

/* Goes on with the reply after STREAM_WAITS, or begins it after
   stream_start().  Inside.  Returns what
   stream_read() returns. */
int stream_go_on(ReaderObject *reader, struct stream_sink *sink);

/* Sends the line and CRLF, then reads the reply like stream_read().  Inside,
   and the stream is at rest. */
int stream_exchange(ReaderObject *reader, PyObject *line,
                    struct stream_sink *sink);

#endif
